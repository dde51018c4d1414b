"""The log of a node: every source in the process logs JSON lines on standard output, without data of requests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

MARK = "13987654321"

SPEAK = """
import asyncio, gc, logging, sys, threading, warnings
import structlog, uvloop
from verifier.core.errors import InternalError, InvalidField
from verifier.journal import configure_logging

mark = "13987654321"
configure_logging("info")
log = structlog.get_logger()


def fail(text):
    local = text
    raise ValueError(text) from KeyError(text)


class Fails:
    def __init__(self):
        self.held = self

    def __del__(self):
        fail(mark)

    def __repr__(self):
        return mark


logging.getLogger("aiohttp.server").error("Error handling request from %s", mark)
logging.getLogger("asyncpg").warning(f"a notice {mark}", extra={"mark": mark})
logging.getLogger("broken").error("%d", mark)
warnings.warn(f"a warning of {mark}", RuntimeWarning)
warnings.warn(f"another of {mark}")
try:
    fail(mark)
except ValueError as error:
    logging.getLogger("aiohttp.server").exception("Unhandled %s", mark)
    log.error("defect", exc_info=error)
try:
    try:
        fail(mark)
    except ValueError as error:
        raise InternalError("the seal of call_1 does not open") from error
except InternalError as error:
    log.error("defect", exc_info=error)
log.error("defect", exc_info=ExceptionGroup(mark, [InvalidField.at("/x", mark)]))
threading.Thread(target=fail, args=(mark,)).start()
Fails().held = None


async def lost():
    asyncio.get_running_loop().call_soon(fail, mark)
    task = asyncio.create_task(asyncio.to_thread(fail, mark), name=mark)
    await asyncio.sleep(0.1)
    del task
    asyncio.get_running_loop().call_exception_handler({"message": mark, "context": mark})


for loop in (asyncio.new_event_loop, uvloop.new_event_loop):
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(lost())
    gc.collect()
fail(mark)
"""


@pytest.mark.shows("CVP-12-2", "CVP-12-6")
def test_libraries_and_uncaught_exceptions_are_logged_as_json_without_messages() -> None:
    ran = subprocess.run([sys.executable, "-c", SPEAK], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert ran.stderr == ""
    assert MARK not in ran.stdout
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    loggers = [each["logger"] for each in lines if each["event"] == "library"]
    assert set(loggers) == {"aiohttp.server", "asyncpg", "broken", "warnings", "asyncio"}
    assert loggers.count("asyncio") == 6
    assert sum(each["event"] == "uncaught" for each in lines) == 3
    assert [each["kind"] for each in lines if each.get("logger") == "warnings"] == ["RuntimeWarning", "UserWarning"]


@pytest.mark.shows("CVP-12-6")
def test_an_exception_is_logged_by_type_and_location() -> None:
    ran = subprocess.run([sys.executable, "-c", SPEAK], capture_output=True, text=True, timeout=60)
    defects = [json.loads(line) for line in ran.stdout.splitlines() if '"defect"' in line]
    plain, ours, group = (each["exception"] for each in defects)
    assert [each["type"] for each in plain] == ["builtins.ValueError", "builtins.KeyError"]
    assert plain[0]["frames"][-1].startswith("__main__:")
    assert plain[0]["frames"][-1].endswith(":fail")
    assert (ours[0]["type"], ours[0]["detail"]) == (
        "verifier.core.errors.InternalError",
        "the seal of call_1 does not open",
    )
    assert [set(each) for each in ours[1:]] == [{"type", "frames"}, {"type"}]
    assert [each["type"] for each in group] == ["builtins.ExceptionGroup", "verifier.core.errors.InvalidField"]


def _write_to(output: str, name: str) -> subprocess.CompletedProcess[str]:
    told = "from verifier.journal import configure_logging; import structlog; configure_logging('info'); "
    told += f"structlog.get_logger().info('a line', name={name!a})"
    env: dict[str, Any] = {"PYTHONIOENCODING": output}
    return subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, env=env, timeout=60)


@pytest.mark.shows("CVP-12-2")
@pytest.mark.parametrize("name", ["a", "王", "王\ud800"])
def test_a_line_is_ascii_on_any_terminal(name: str) -> None:
    ran = _write_to("ascii", name)
    assert (ran.returncode, ran.stderr) == (0, "")
    line = json.loads(ran.stdout)
    assert line["name"] == name
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])


ALONGSIDE = """
import threading
import structlog
from verifier.journal import configure_logging

configure_logging("info")


def log():
    for each in range(20_000):
        structlog.get_logger().info("line", number=each)


thread = threading.Thread(target=log)
thread.start()
while thread.is_alive():
    print("of the demonstration")
"""


def test_output_of_another_thread_never_splits_a_line() -> None:
    told = subprocess.run([sys.executable, "-c", ALONGSIDE], capture_output=True, text=True, check=True).stdout
    lines = [line for line in told.splitlines() if line.startswith("{")]
    assert [line for line in lines if not line.endswith("}")] == []
    assert len(lines) > 1_000


FULL = """
import sys
import time
from pathlib import Path
import structlog
from verifier.journal import configure_logging

configure_logging("info")
log = structlog.get_logger()
for each in range(70_000):
    log.info("line", number=each)
Path(sys.argv[1]).touch()
sys.stdin.readline()
log.info("the last line")
"""


def test_an_output_that_takes_nothing_delays_nobody_and_the_lost_lines_are_counted(tmp_path: Path) -> None:
    done = tmp_path / "done"
    arguments = [sys.executable, "-c", FULL, str(done)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        # The pipe holds 64 KiB. Nobody reads it before the program has logged everything.
        deadline = time.monotonic() + 60
        while not done.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stdout, _ = process.communicate("go on\n", timeout=60)
    lines = [json.loads(line) for line in stdout.splitlines()]
    written = sum(each["event"] in ("line", "the last line") for each in lines)
    lost = sum(each["count"] for each in lines if each["event"] == "lines lost")
    assert lost > 0
    assert written + lost == 70_001
