"""Debian's baresip as a test telephone. It places and takes calls over UDP, TCP or TLS, with RTP or SRTP.

It follows a REFER. It has no sound card: ALSA writes the received sound into a pipe, which is read in real time.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import wave
from array import array
from pathlib import Path
from typing import Any

from tests.certificates import certified
from tests.ivr.listening import Listening
from tests.ivr.rtp import RATE, tone

BARESIP = shutil.which("baresip")
# A pipe unblocks its writer page by page. At this rate a page is a fiftieth of a second, so the pipe takes sound from
# baresip as evenly as a sound card would.
PIPE_RATE, PIPE_CHANNELS = 48_000, 2
PACKET = PIPE_RATE * PIPE_CHANNELS * 2 // 50
PAGE = 4096
F_SETPIPE_SZ = 1031  # from fcntl(2); Python's fcntl module has it only on Linux

_CONFIG = """
sip_listen 127.0.0.1:{sip}
sip_transports udp,tcp,tls
sip_certificate {folder}/own.pem
audio_player alsa,heard
auplay_srate {rate}
auplay_channels {channels}
audio_source aufile,{folder}/said.wav
audio_alert alsa,void
module_path {modules}
module g711.so
module alsa.so
module aufile.so
module srtp.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
net_interface 127.0.0.1
rtp_ports {rtp}-{last_rtp}
"""
_ALSA = """
pcm.void {{ type null }}
pcm.heard {{ type file slave.pcm void file "{folder}/heard" format "raw" }}
"""


class BaresipPhone(Listening):
    """A telephone with its own number. `ports` is the first of eight consecutive free ports. `hums` is the frequency of
    the tone that it sends.

    `answers` says what it does with a call: `auto` answers it, `manual` rings (180), `early` sends early media (183).
    """

    def __init__(
        self, folder: Path, number: str, ports: int, *, hums: int = 0, account: str = "", answers: str = "auto"
    ) -> None:
        folder.mkdir(parents=True)
        assert BARESIP is not None
        modules = next(Path("/usr/lib").glob("**/baresip/modules"))
        self.uri = f"sip:{number}@127.0.0.1:{ports}"
        self._folder = folder
        # SIP over TLS listens on the port after that of UDP and TCP.
        facts = {
            "rate": PIPE_RATE,
            "channels": PIPE_CHANNELS,
            "sip": ports,
            "control": ports + 2,
            "rtp": ports + 4,
            "last_rtp": ports + 7,
        }
        (folder / "config").write_text(_CONFIG.format(folder=folder, modules=modules, **facts))
        line = f"<sip:{number}@127.0.0.1>;regint=0;audio_codecs=pcma;answermode={answers}{account}\n"
        (folder / "accounts").write_text(line)
        (folder / "contacts").touch()
        (folder / "asound.conf").write_text(_ALSA.format(folder=folder))
        # When the gateway transfers a call over TLS, it may call back on a connection of its own.
        certified(folder, "telephone.example")
        own = (folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes()
        (folder / "own.pem").write_bytes(own)
        with wave.open(str(folder / "said.wav"), "wb") as said:
            said.setparams((1, 2, RATE, 0, "NONE", ""))
            said.writeframes(tone(hums, 60).tobytes())
        self._heard: list[tuple[float, bytes]] = []
        self._pipe = _pipe(folder / "heard")
        self._closed = False
        self.events: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [BARESIP, "-f", str(folder), "-s", "-v"],
            env={**os.environ, "ALSA_CONFIG_PATH": str(folder / "asound.conf")},
            stdin=subprocess.DEVNULL,
            stdout=(folder / "log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        self._control = self._connected(ports + 2)
        for each in (self._listen, self._watch):
            threading.Thread(target=each, daemon=True).start()

    # --- actions ----------------------------------------------------------------------------------------------

    def dials(self, uri: str) -> None:
        """Call an address, and wait until the call is answered."""
        answered = sum(each.get("type") == "CALL_ESTABLISHED" for each in self.events)
        self.tries(uri)
        self.sees("CALL_ESTABLISHED", count=answered + 1)

    def tries(self, uri: str) -> None:
        """Call an address, without waiting for the result."""
        self._command("dial", uri)

    def press(self, keys: str) -> float:
        """Press keys one after another. Returns the monotonic time when the last was sent."""
        for key in keys:
            self._command("sndcode", key)
            time.sleep(0.15)
        return time.monotonic()

    def answer(self) -> None:
        """Answer the call that rings."""
        self._command("accept")

    def hang_up(self) -> None:
        self._command("hangup")

    def sees(self, event: str, *, count: int = 1, within: float = 20.0) -> dict[str, Any]:
        """Wait until the telephone has reported this event that often. Returns the last one."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            found = [each for each in self.events if each.get("type") == event]
            if len(found) >= count:
                return found[count - 1]
            time.sleep(0.05)
        raise AssertionError(f"no {event}\n{self.log()}")

    # --- sound and events -------------------------------------------------------------------------------------

    def samples(self, since: float = 0.0) -> array[int]:
        samples = array("h")
        for at, packet in list(self._heard):
            if at >= since:
                whole = array("h", packet)
                samples.extend(whole[:: PIPE_CHANNELS * PIPE_RATE // RATE])
        return samples

    def log(self) -> str:
        lines = (self._folder / "log").read_text(errors="replace").replace("\r", "\n").split("\n")
        return "\n".join(line for line in lines if line.strip() and "(bit/s)" not in line)

    def close(self) -> None:
        self._closed = True
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._control.close()

    def _listen(self) -> None:
        due = time.monotonic()
        rest = b""
        while not self._closed:
            try:
                rest += os.read(self._pipe, PACKET - len(rest))
            except BlockingIOError:
                time.sleep(0.005)
                continue
            now = time.monotonic()
            whole = len(rest) // PACKET * PACKET
            if whole:
                self._heard.append((now, rest[:whole]))
                rest = rest[whole:]
                # A small delay is caught up. After silence the pace starts again.
                due = max(due + 0.02, now - 0.1)
                time.sleep(max(0.0, due - now))
        os.close(self._pipe)

    def _watch(self) -> None:
        """Read events and answers, which are netstrings of JSON."""
        waiting = b""
        while not self._closed:
            try:
                received = self._control.recv(65_536)
            except OSError:
                return
            if not received:
                return
            waiting += received
            while b":" in waiting:
                length, _, rest = waiting.partition(b":")
                if len(rest) <= int(length):
                    break
                self.events.append(json.loads(rest[: int(length)]))
                waiting = rest[int(length) + 1 :]

    def _command(self, command: str, given: str = "") -> None:
        asked = json.dumps({"command": command, "params": given}).encode()
        self._control.sendall(b"%d:%s," % (len(asked), asked))

    def _connected(self, port: int) -> socket.socket:
        until = time.monotonic() + 15
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < until, "baresip does not start"
                time.sleep(0.05)


def _pipe(path: Path) -> int:
    """A pipe of the smallest possible size, with a reader from the start."""
    import fcntl

    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(descriptor, F_SETPIPE_SZ, PAGE)
    return descriptor
