"""A bank, and a voice gateway process in front of it."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import RunningBank
from tests.conftest import require
from tests.ivr.markers import Markers
from tests.ivr.ports import free_ports
from tests.ivr.telephones import SippPhone
from verifier.demo.bank import DemoBank

CLIENTS = Path(__file__).parents[2] / "clients"
PROGRAMS = os.pathsep.join(str(CLIENTS / each) for each in ("ivr", "python"))


class RunningGateway:
    """A `voice-gateway` process whose recordings are marker tones."""

    def __init__(self, folder: Path, bank: DemoBank, url: str = "", **settings: str) -> None:
        require("pjsua2", importlib.util.find_spec("pjsua2") is not None)
        self.folder = folder
        self.port = free_ports(int(settings.get("PROCESSES", "1")))
        Markers.record(folder / "recordings")
        given = {
            "VERIFIER_URL": url or bank.url,
            "KEY_ID": "ivr",
            "KEY_FILE": str(bank.folder / "ivr.pem"),
            "TRUNKS": "127.0.0.1",
            "OFFICER_URI": "sip:{officer}@pbx.bank.example",
            "FRAUD_DESK_URI": "sip:fraud@pbx.bank.example",
            "DIALLED_NUMBER": "+861095588",
            "LISTEN": f"127.0.0.1:{self.port}",
            "RTP_PORTS": str(free_ports(16 * int(settings.get("PROCESSES", "1")))),
            "RECORDINGS": str(folder / "recordings"),
            "CACHE": str(folder / "cache"),
            **settings,
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        environment |= {f"GATEWAY_{name}": value for name, value in given.items()}
        environment["PYTHONPATH"] = PROGRAMS
        self.log = folder / "gateway.log"
        command = [sys.executable, "-m", "voice_gateway"]
        self.process = subprocess.Popen(command, env=environment, stdout=self.log.open("wb"), stderr=subprocess.STDOUT)
        self._phones: list[SippPhone] = []
        self._turns = itertools.count()
        self.processes = int(given.get("PROCESSES", "1"))
        until = time.monotonic() + 30
        while self.log.read_bytes().count(b"ready for calls") < self.processes:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, "the gateway does not start"
            time.sleep(0.05)

    def rung_by(self, caller: str, **options: object) -> SippPhone:
        # Spread the calls over the processes, as a session border controller does.
        port = self.port + next(self._turns) % self.processes
        phone = SippPhone(self.folder, port, caller, **options)  # type: ignore[arg-type]
        self._phones.append(phone)
        return phone

    @property
    def uri(self) -> str:
        return f"sip:+861095588@127.0.0.1:{self.port}"

    def end_calls(self) -> None:
        for phone in self._phones:
            phone.close()
        self._phones = []

    def stop(self) -> None:
        self.end_calls()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@pytest.fixture(scope="module")
def bank() -> Iterator[DemoBank]:
    with tempfile.TemporaryDirectory(prefix="bank-") as folder, RunningBank(Path(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def _gateway(bank: DemoBank) -> Iterator[RunningGateway]:
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        running = RunningGateway(Path(folder), bank, PROCESSES="8")
        yield running
        running.stop()


@pytest.fixture
def gateway(_gateway: RunningGateway) -> Iterator[RunningGateway]:
    yield _gateway
    _gateway.end_calls()
    assert _gateway.process.poll() is None, _gateway.log.read_text()
