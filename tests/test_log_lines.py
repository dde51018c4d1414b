"""The service's log lines: JSON, one for each request, and nothing personal in them (law L11)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from verifier.demo.story import CUSTOMER_NUMBER, DESK, FRAUDSTER_NUMBER

PLAY = """
import asyncio, sys
from pathlib import Path
import aiohttp
from verifier import journal
from verifier.demo.bank import DemoBank, free_ports
from verifier.demo.story import Story

async def main():
    journal.configure_logging("debug")
    bank = DemoBank(Path(sys.argv[1]), free_ports())
    service = await bank.start()
    async with aiohttp.ClientSession() as session:
        story = Story(bank, service, session, Path(sys.argv[1]))
        await story.play()
    await bank.stop()
    # At once: a thread of the database may log between the parts that print writes.
    sys.stdout.write(" ".join(("codes", *story.codes)) + "\\n")

asyncio.run(main())
"""


@pytest.mark.shows("CVP-5-3", "CVP-12-2")
@pytest.mark.slow
def test_the_log_of_the_whole_story_is_json_without_numbers_names_or_codes(tmp_path: Path) -> None:
    played = subprocess.run([sys.executable, "-c", PLAY, str(tmp_path)], capture_output=True, text=True, check=True)
    lines = [line for line in played.stdout.splitlines() if line.startswith("{")]
    requests = [json.loads(line) for line in lines]
    assert sum(each["event"] == "request" for each in requests) > 50
    codes = next(line for line in played.stdout.splitlines() if line.startswith("codes ")).split()[1:]
    assert len(codes) == 4
    secrets = [*codes, CUSTOMER_NUMBER[1:], FRAUDSTER_NUMBER[1:], DESK[1:], "王芳", "李伟", "孙强", "低息贷款", "eyJ"]
    text = "\n".join(lines) + played.stderr
    assert [each for each in secrets if each in text] == []
