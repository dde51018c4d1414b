"""Debian's sipp as a telephone that calls the gateway. It does the signalling, and rtp.py the sound."""

from __future__ import annotations

import shutil
import subprocess
from array import array
from pathlib import Path

from tests.ivr.listening import Listening
from tests.ivr.ports import free_ports
from tests.ivr.rtp import Sound

SIPP = shutil.which("sipp")

_HEADERS = """
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:{caller}@127.0.0.1>;tag=[call_number]x
      To: <sip:+861095588@127.0.0.1>{to}
      Call-ID: [call_id]
      CSeq: {cseq}
      Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>
      Max-Forwards: 70{extra}"""
_OFFER = """
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=caller 1 1 IN IP4 127.0.0.1
      s=-
      c=IN IP4 127.0.0.1
      t=0 0
      m=audio {port} RTP/AVP {codec} 101
      a=rtpmap:{codec} {codec_name}
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
"""
_REPLY = """
  <send><![CDATA[

      SIP/2.0 {status}
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>
      Content-Length: 0

  ]]></send>"""
_NOTIFY = """
  <send retrans="500"><![CDATA[

      NOTIFY sip:callback@[remote_ip]:[remote_port] SIP/2.0{headers}
      Event: refer
      Subscription-State: terminated;reason=noresource
      Content-Type: message/sipfrag
      Content-Length: [len]

      SIP/2.0 {status}
  ]]></send>
  <recv response="200"/>"""


class SippPhone(Listening):
    """One call by sipp. `ends` says how it ends: by the gateway's BYE, by our own after some seconds, or by a REFER
    that is followed or refused."""

    def __init__(
        self,
        folder: Path,
        port: int,
        caller: str,
        *,
        ends: str = "bye",
        codec: str = "8 PCMA/8000",
        transport: str = "u1",
        extra: str = "",
        refuse: int | None = None,
    ) -> None:
        self.sound = Sound()
        self._folder = folder
        number, name = codec.split(" ")
        offer = _OFFER.format(port=self.sound.port, codec=number, codec_name=name)
        scenario = _scenario(caller, offer, ends, extra, refuse)
        path = folder / f"{self.sound.port}.xml"
        path.write_text(scenario, encoding="utf-8")
        assert SIPP is not None
        command = [
            SIPP,
            "-sf",
            str(path),
            "-i",
            "127.0.0.1",
            "-m",
            "1",
            "-t",
            transport,
            "-nostdin",
            f"127.0.0.1:{port}",
        ]
        # Each call has its own port, so the end of an earlier call cannot reach it.
        command += [
            "-p",
            str(free_ports(1)),
            "-trace_err",
            "-timeout",
            "90s",
            "-timeout_error",
            "-trace_msg",
            "-message_file",
            f"{path}.log",
        ]
        self.messages = Path(f"{path}.log")
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def ended(self, within: float = 20.0) -> None:
        """Wait for the end of the call, and check that it followed the scenario."""
        out, _ = self._process.communicate(timeout=within)
        assert self._process.returncode == 0, self.log() + out.decode()[-500:]

    def is_put_through_to(self, name: str) -> bool:
        """Press zero. Whether the gateway then refers the call to this name."""
        self.sound.press("0")
        self.ended()
        return f"Refer-To: <sip:{name}@pbx.bank.example>" in self.log()

    def hang_up(self) -> None:
        self._process.kill()
        self._process.wait()

    def samples(self, since: float = 0.0) -> array[int]:
        return self.sound.samples(since)

    def log(self) -> str:
        return self.messages.read_text(errors="replace") if self.messages.exists() else ""

    def close(self) -> None:
        if self._process.poll() is None:
            self.hang_up()
        self.sound.close()


def _scenario(caller: str, offer: str, ends: str, extra: str, refuse: int | None) -> str:
    def headers(cseq: str, to: str = "[peer_tag_param]", more: str = "") -> str:
        return _HEADERS.format(caller=caller, to=to, cseq=cseq, extra=more)

    invite = "INVITE sip:+861095588@[remote_ip]:[remote_port] SIP/2.0" + headers("1 INVITE", "", extra) + offer
    steps = [f'<send retrans="500"><![CDATA[\n\n      {invite}\n  ]]></send>', '<recv response="100" optional="true"/>']
    ack = f"ACK sip:callback@[remote_ip]:[remote_port] SIP/2.0{headers('1 ACK')}\n      Content-Length: 0\n\n"
    ack = f"<send><![CDATA[\n\n      {ack}  ]]></send>"
    if refuse is not None:
        steps += [f'<recv response="{refuse}"/>', ack]
        return _xml(steps)
    steps += ['<recv response="200"/>', ack]
    answer = _REPLY.format(status="200 OK")
    if ends in ("refer", "refer refused"):
        status = "200 OK" if ends == "refer" else "603 Decline"
        notify = _NOTIFY.format(headers=headers("2 NOTIFY"), status=status)
        steps += ['<recv request="REFER"/>', _REPLY.format(status="202 Accepted"), notify]
    if ends.startswith("own "):
        bye = f"BYE sip:callback@[remote_ip]:[remote_port] SIP/2.0{headers('2 BYE')}\n      Content-Length: 0\n\n"
        steps += [
            f'<pause milliseconds="{int(float(ends[4:]) * 1000)}"/>',
            f"<send><![CDATA[\n\n      {bye}  ]]></send>",
        ]
        steps += ['<recv response="200"/>']
    else:
        steps += ['<recv request="BYE"/>', answer]
    return _xml(steps)


def _xml(steps: list[str]) -> str:
    return '<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="caller">\n' + "\n".join(steps) + "\n</scenario>\n"
