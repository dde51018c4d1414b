"""Runs `verifier demo`. It serves the bank on loopback for a person to try, or plays the whole story by itself."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import click
import msgspec

from verifier.core.application import Registration
from verifier.demo import company
from verifier.demo.announced import announce
from verifier.demo.bank import DemoBank, free_ports
from verifier.demo.story import SAMPLE, Story
from verifier.import_files import ImportFile
from verifier.importing import import_file
from verifier.journal import configure_logging
from verifier.node import SWITCH_INTERVAL_S


async def demo(*, script: bool, out: Path | None, port: int) -> int:
    """Run the demo. Returns the exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    configure_logging("warning")
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verifier-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verifier-demo-"))) if script else folder
        if script:
            # The script waits until the telephone exchange counts as silent.
            bank = DemoBank(data, free_ports(), leg_silence_seconds=5)
        else:
            bank = DemoBank(data, (port, port + 1, port + 2, port + 3))
        try:
            service = await bank.start()
            if script:
                async with aiohttp.ClientSession() as session:
                    return 1 if await Story(bank, service, session, folder).play() else 0
            account = await import_file(service, ImportFile(SAMPLE, service.context.clock()))
            await announce(service)
            # Their former head of finance has left, so they can sign in, and get `not_genuine`.
            loan = msgspec.convert(company.facts(company.FINANCE, company.LEGAL), Registration)
            await service.applications.register(company.APPLICATION, loan)
            click.echo(_guide(bank, account.registered + account.unchanged + 1))
            await _until_stopped()
            return 0
        finally:
            await bank.stop()


async def _until_stopped() -> None:
    stopping = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    await stopping.wait()


def _guide(bank: DemoBank, applications: int) -> str:
    return f"""
The demo bank is open, with {applications} applications. Stop it with Ctrl-C.

  officer        {bank.url}/officer/     sign in as 李伟, choose 王芳, press the button
  telephone      {bank.telephone_url}    answer for the customer: the officer sees the code
  customer       {bank.url}/app/         sign in as 王芳, enter the code

  receipts       {bank.url}/receipts/    choose a receipt that the customer saved, without login

  A company: search for 东海机械有限公司 as the officer, and call its head of finance, 林洁. Enter the code as 林洁, and
  in other browsers as 沈海东, its legal representative, and as 何文, its former head of finance.

  A helper: as 王芳, invite one on the page “协助人”. Sign in as Carla Rossi in another browser, and enter the letters.

  A branch: {bank.url}/desk/ is the counter. Sign in as 何佳, and find 王芳 by LN-2026-0001.

  documentation  {bank.url}/docs
  log            {bank.url}/log/checkpoint
  admin          {bank.admin_url}/readyz   {bank.admin_url}/metrics
  data and keys  {bank.folder}

Or by hand, with logins that are valid for eight hours:

  export OFFICER={bank.officer("4412")}
  export CUSTOMER={bank.customer("cust-0001")}
  export AUDITOR={bank.officer("9002", "auditor")}
  export API={bank.url} KEYS={bank.folder}

The story by hand, in another terminal. Paste the logins above first.

  1  The officer issues a call to customer cust-0001. There is no code yet: nobody is on the phone.
     curl -s $API/v1/applications/LN-2026-0001/calls -H "Authorization: Bearer $OFFICER" \\
       -H 'Content-Type: application/json' -H "Idempotency-Key: $RANDOM$RANDOM" \\
       -d '{{"purpose":"documents","number":"+8613800138000","caller_number":"+861082345678"}}' | tee call.json
     export CALL=$(grep -o 'call_[0-9a-f]\\{{32\\}}' call.json | head -1)

  2  The telephone exchange reports that the leg is connected. It signs its requests.
     {sys.argv[0]} send POST $API/v1/calls/$CALL/legs --key-id pbx --key $KEYS/pbx.pem \\
       --data '{{"event":"connected","leg_id":"1","number":"+8613800138000","at":"'$(date -u +%FT%TZ)'"}}'

  3  The officer gets the code and reads it out.
     curl -s $API/v1/calls/$CALL/code -H "Authorization: Bearer $OFFICER"

  4  The customer asks whether the bank is on the phone, and enters the code.
     curl -s $API/v1/me/call-status -H "Authorization: Bearer $CUSTOMER"
     curl -s $API/v1/confirmations -H "Authorization: Bearer $CUSTOMER" \\
       -H 'Content-Type: application/json' -H "Idempotency-Key: $RANDOM$RANDOM" \\
       -d '{{"code":"…"}}' | tee verdict.json

  5  Anyone can check the receipt, offline.
     curl -s $API/.well-known/callback-verification > trust.json
     {sys.argv[0]} receipt verify verdict.json --trust trust.json

  6  An auditor asks what officer 4412 looked at. The customer reads the same on the page “贷款”.
     curl -s $API/v1/looks/search -H "Authorization: Bearer $AUDITOR" \\
       -H 'Content-Type: application/json' -d '{{"staff_id":"4412","limit":5}}'

  {sys.argv[0]} demo --script   plays the whole story, with the frauds it stops.
"""
