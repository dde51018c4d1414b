"""Plays the whole story of the demo by itself. The steps use the HTTP API, and every answer is checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import click

from verifier.core import damm
from verifier.core.evidence import Evidence
from verifier.demo import call_status, called, company, counter, helper, lead_and_former, looked, offline, two_loans
from verifier.demo.bank import DemoBank
from verifier.demo.client import Answer, Caller, now_iso
from verifier.import_files import ImportFile
from verifier.importing import import_file
from verifier.ledger.audit import audit_log
from verifier.receipt_files import write_receipt
from verifier.service import Service

SAMPLE = Path(__file__).with_name("applications.csv")
DESK = "+861082345678"  # the number that officers call from
CUSTOMER_NUMBER, CUSTOMER_APPLICATION = "+8613800138000", "LN-2026-0001"
FRAUDSTER_NUMBER, FRAUDSTER_APPLICATION = "+8613900139000", "LN-2026-0003"


class Story:
    """Plays the chapters in order and counts the steps that fail."""

    def __init__(self, bank: DemoBank, service: Service, session: aiohttp.ClientSession, out: Path) -> None:
        self._bank = bank
        self._service = service
        self._session = session
        self._out = out
        self.failed = 0
        self.steps = 0
        self.codes: list[str] = []
        self.officer = self._person(bank.officer("4412"))
        self.supervisor = self._person(bank.officer("9001", "supervisor"))
        self.customer = self._person(bank.customer("cust-0001"))
        self.fraudster = self._person(bank.customer("cust-0003"))
        self.loans = self._system("loan-origination")
        self.pbx = self._system("pbx")
        self.ivr = self._system("ivr")

    def _person(self, token: str) -> Caller:
        return Caller(self._session, self._bank.url, token=token)

    def _system(self, name: str) -> Caller:
        return Caller(self._session, self._bank.url, key_id=name, private_key=self._bank.system_keys[name])

    async def play(self) -> int:
        """Play everything. Returns the number of steps that failed."""
        for chapter in (
            self._import,
            self._genuine_by_app,
            self._genuine_by_phone,
            self._wrong_codes,
            self._substitution,
            self._policy,
            self._report,
            self._company,
            self._offline,
            self._erasure,
            self._privacy,
            self._status,
            self._counter,
            self._looked,
            self._helper,
        ):
            await chapter()
        click.echo(f"\n{self.steps} steps, {self.failed} failed")
        return self.failed

    # --- printing ------------------------------------------------------------------------------------------

    def _chapter(self, title: str) -> None:
        click.secho(f"\n{title}", bold=True)

    def _check(self, passed: bool, step: str) -> None:
        self.steps += 1
        if not passed:
            self.failed += 1
        click.echo(click.style("  ✓ " if passed else "  ✗ ", fg="green" if passed else "red") + step)

    def _verdict(self, answer: Answer, expected: str, step: str, check: Callable[[Any], bool] = bool) -> Any:
        found = answer.json.get("verdict") or answer.json.get("slug")
        self._check(found == expected and check(answer.json), f"{step} → {found}")
        return answer.json

    # --- playing ------------------------------------------------------------------------------------------

    async def _issue(self, officer: Caller, application_id: str, number: str, purpose: str = "documents") -> Answer:
        asked = {"purpose": purpose, "number": number, "caller_number": DESK}
        return await officer.post(f"/v1/applications/{application_id}/calls", asked)

    async def _leg(self, call_id: str, number: str, event: str) -> Answer:
        heard = {"event": event, "leg_id": f"sip-{call_id[-8:]}", "number": number, "at": now_iso()}
        return await self.pbx.post(f"/v1/calls/{call_id}/legs", heard)

    async def _live_call(self, application_id: str, number: str) -> tuple[str, str]:
        """Issue and connect a call. Returns its id and its code."""
        issued = await self._issue(self.officer, application_id, number)
        call_id = issued.json["call"]["call_id"]
        await self._leg(call_id, number, "connected")
        code = (await self.officer.get(f"/v1/calls/{call_id}/code")).json["shown"]
        self.codes.append(code.replace(" ", ""))
        return call_id, code

    async def _import(self) -> None:
        self._chapter("1  The bank imports its applications")
        sample = ImportFile(SAMPLE, self._service.context.clock())
        first = await import_file(self._service, sample)
        self._check(
            first.registered == 300, f"{first.registered} applications registered, {first.refused} lines refused"
        )
        again = await import_file(self._service, sample)
        self._check(again.unchanged == 300, "the same import again changes nothing")

    async def _genuine_by_app(self) -> None:
        self._chapter("2  A genuine call, confirmed in the app")
        status = await self.customer.get("/v1/me/call-status")
        self._check(status.json["on_call"] is False, f"before: “{status.json['words'][1]['text']}”")
        issued = await self._issue(self.officer, CUSTOMER_APPLICATION, CUSTOMER_NUMBER)
        call_id = issued.json["call"]["call_id"]
        self._check(
            issued.status == 201 and issued.json["code"] is None, "officer 4412 issues a call; no code before the leg"
        )
        early = await self.officer.get(f"/v1/calls/{call_id}/code")
        self._check(
            early.json["slug"] == "leg_not_connected", f"officer asks for the code too early → {early.json['slug']}"
        )
        elsewhere = await self._leg(call_id, FRAUDSTER_NUMBER, "connected")
        self._check(elsewhere.json["state"] == "issued", "PBX: a leg to another number changes nothing")
        live = await self.pbx.post(
            f"/v1/calls/{call_id}/legs",
            {"event": "connected", "leg_id": "sip-1", "number": CUSTOMER_NUMBER, "at": now_iso()},
        )
        self._check(live.json["state"] == "live", "PBX: connected to the number on file")
        status = await self.customer.get("/v1/me/call-status")
        self._check(status.json["on_call"] is True, f"customer looks: “{status.json['words'][1]['text']}”")
        code = (await self.officer.get(f"/v1/calls/{call_id}/code")).json["shown"]
        self.codes.append(code.replace(" ", ""))
        self._check(len(code) == 11, f"officer reads out {code}")
        first = self._verdict(
            await self.customer.post("/v1/confirmations", {"code": code}, "confirm-1"), "genuine", "customer enters it"
        )
        click.echo(f"      “{first['words'][0]['text']}”")
        again = await self.customer.post("/v1/confirmations", {"code": code}, "confirm-1")
        self._check(again.json == first, "the answer was lost; the same request gives the same answer")
        self._verdict(
            await self.customer.post("/v1/confirmations", {"code": code}),
            "genuine",
            "the customer enters it once more: same receipt, marked as given before",
            lambda answer: answer["given_before"] and answer["receipt_id"] == first["receipt_id"],
        )
        self._keep("genuine-app", first["receipt"])
        self._keep("ticket", issued.json["ticket"])
        await self.pbx.post(
            f"/v1/calls/{call_id}/legs",
            {"event": "ended", "leg_id": "sip-1", "number": CUSTOMER_NUMBER, "at": now_iso()},
        )
        self._verdict(
            await self.customer.post("/v1/confirmations", {"code": code}, "confirm-1"),
            "ended",
            "the call is over; the first request once more: same receipt",
            lambda answer: answer["receipt_id"] == first["receipt_id"],
        )
        replay = self._verdict(
            await self.customer.post("/v1/confirmations", {"code": code}),
            "ended",
            "somebody gives the customer that code later: it names the call, with a receipt of its own",
            lambda answer: answer["receipt_id"] != first["receipt_id"] and answer["call"]["call_id"] == call_id,
        )
        click.echo(f"      “{replay['words'][1]['text']}”")
        self._keep("ended-replay", replay["receipt"])

    async def _genuine_by_phone(self) -> None:
        self._chapter("3  A genuine call, confirmed by ringing the bank")
        call_id, code = await self._live_call(CUSTOMER_APPLICATION, CUSTOMER_NUMBER)
        await self._leg(call_id, CUSTOMER_NUMBER, "ended")
        asked = {"digits": code.replace(" ", ""), "dialled_number": "+861095588", "caller_number": CUSTOMER_NUMBER}
        spoken = self._verdict(
            await self.ivr.post("/v1/ivr/confirmations", asked),
            "genuine",
            "customer hangs up, rings the IVR, keys the code",
            lambda answer: answer["transfer_to"] == "4412",
        )
        click.echo(f"      “{spoken['words']['text']}”")
        fetched = await self.customer.get(f"/v1/receipts/{spoken['receipt_id']}")
        self._check(fetched.status == 200, "the receipt waits for the customer in the app")
        self._keep("genuine-ivr", fetched.json["receipt"])
        self._verdict(
            await self.ivr.post("/v1/ivr/confirmations", asked),
            "ended",
            "the same code keyed again after the call: over, and nobody to be put through to",
            lambda answer: answer["transfer_to"] is None,
        )
        withheld = await self.ivr.post("/v1/ivr/confirmations", {**asked, "caller_number": None})
        self._verdict(withheld, "unavailable", "a caller with a withheld number")

    async def _wrong_codes(self) -> None:
        self._chapter("4  Typing errors and guesses")
        call_id, code = await self._live_call(CUSTOMER_APPLICATION, CUSTOMER_NUMBER)
        mistyped = code[:-1] + str((int(code[-1]) + 1) % 10)
        answer = await self.customer.post("/v1/confirmations", {"code": mistyped})
        self._check(
            answer.json["slug"] == "malformed_code",
            f"digits that can be no code: “{answer.json['errors'][0]['detail']}”",
        )
        invented = self._verdict(
            await self.customer.post("/v1/confirmations", {"code": mistyped, "caller_number": "+8617000000000"}),
            "not_genuine",
            "the same digits again: a verdict, with a receipt; it costs no attempt",
        )
        self._keep("not-genuine-invented", invented["receipt"])
        await self._campaign(mistyped)
        wrong = _another_code(code)
        for attempt in (1, 2, 3):
            answer = await self.customer.post("/v1/confirmations", {"code": wrong})
            refused = self._verdict(answer, "not_genuine", f"wrong code, attempt {attempt} of 3")
        self._keep("not-genuine-wrong", refused["receipt"])
        self._verdict(
            await self.customer.post("/v1/confirmations", {"code": code}),
            "not_genuine",
            "the right code, after the app is locked",
        )
        asked = {"digits": code.replace(" ", ""), "dialled_number": "+861095588", "caller_number": CUSTOMER_NUMBER}
        self._verdict(
            await self.ivr.post("/v1/ivr/confirmations", asked), "genuine", "the IVR counts its attempts separately"
        )
        await self._leg(call_id, CUSTOMER_NUMBER, "ended")

    async def _campaign(self, invented: str) -> None:
        """Another customer hears the same invented digits, and the bank learns of it."""
        await self.fraudster.post("/v1/confirmations", {"code": invented})
        while await self._service.signals.examine():
            pass
        listed = await self.supervisor.get("/v1/reconciliation?kind=campaign")
        shown = [(each["people"], each["caller_numbers"]) for each in listed.json["discrepancies"]]
        self._check(shown == [(2, ["+8617000000000"])], f"two people were told these digits: a campaign, {shown}")

    async def _substitution(self) -> None:
        self._chapter("5  A fraudster passes on the code of their own application")
        call_id, code = await self._live_call(FRAUDSTER_APPLICATION, FRAUDSTER_NUMBER)
        victim = await self.customer.post("/v1/confirmations", {"code": code})
        self._verdict(victim, "not_genuine", "the victim enters the fraudster's code in the app")
        named = await self.customer.post("/v1/confirmations", {"code": code, "application_id": FRAUDSTER_APPLICATION})
        self._verdict(named, "not_genuine", "… with the fraudster's reference")
        asked = {
            "digits": code.replace(" ", ""),
            "dialled_number": "+861095588",
            "caller_number": CUSTOMER_NUMBER,
            "application_id": FRAUDSTER_APPLICATION,
        }
        self._verdict(await self.ivr.post("/v1/ivr/confirmations", asked), "not_genuine", "… and on the telephone")
        own = await self.fraudster.post("/v1/confirmations", {"code": code})
        self._verdict(own, "genuine", "the code is not used up: its own customer can confirm")
        await self._leg(call_id, FRAUDSTER_NUMBER, "ended")

    async def _policy(self) -> None:
        self._chapter("6  The contact policy")
        for step, application_id, number, purpose, rule in (
            ("a closed application", "LN-2026-0004", "+8615000150000", "documents", "purpose"),
            ("a customer who opted out", "LN-2026-0005", "+8615800158000", "documents", "consent"),
            ("marketing without consent", FRAUDSTER_APPLICATION, FRAUDSTER_NUMBER, "marketing", "consent"),
            ("a number not on file", FRAUDSTER_APPLICATION, "+8613700137000", "documents", "number_on_file"),
        ):
            answer = await self._issue(self.officer, application_id, number, purpose)
            rules = [each["rule"] for each in answer.json.get("refusals", [])]
            self._check(rule in rules, f"{step} → {answer.json['slug']}: {', '.join(rules)}")
        another = await self._issue(self.officer, "LN-2026-0002", "+442079460123")
        self._check(another.json["slug"] == "not_found", f"another officer's application → {another.json['slug']}")
        path = f"/v1/applications/{FRAUDSTER_APPLICATION}"
        registered = (await self.loans.get(path)).json["registration"]
        registered["numbers"].append({"number": "+8613700137000", "added_at": now_iso(-3600)})
        await self.loans.put(path, registered)
        young = await self._issue(self.officer, FRAUDSTER_APPLICATION, "+8613700137000")
        self._check(
            young.json["refusals"][0]["rule"] == "number_cooling_off", f"a number an hour old → {young.json['detail']}"
        )
        lifted = {
            "officer_id": "4412",
            "rules": ["number_cooling_off"],
            "reason": "confirmed in the branch with passport",
        }
        granted = await self.supervisor.post(f"{path}/exceptions", lifted)
        self._check(granted.status == 201, "a supervisor lifts the rule for one call, and the log says so")
        asked = {"purpose": "documents", "number": "+8613700137000", "caller_number": DESK}
        issued = await self.officer.post(f"{path}/calls", {**asked, "exception_id": granted.json["exception_id"]})
        self._check(issued.status == 201, "the call is issued, and its ticket says so")
        revoked = await self.officer.post(f"/v1/calls/{issued.json['call']['call_id']}/revocation", {})
        self._check(revoked.json["state"] == "revoked", "the officer revokes it")
        asking = self.loans, self.pbx, self.officer, self.supervisor
        await two_loans.play(*asking, self._person(self._bank.customer(two_loans.CUSTOMER)), DESK, self._check)
        lead, former = (
            self._person(self._bank.customer(each)) for each in (lead_and_former.LEAD, lead_and_former.FORMER)
        )
        await lead_and_former.play(self.loans, self.pbx, self.officer, lead, former, DESK, self._check)

    async def _report(self) -> None:
        self._chapter("7  A suspicious call is reported")
        said = {
            "at": now_iso(-600),
            "caller_number": "+8617000000000",
            "said": "低息贷款，先交手续费",
            "code": "123 456 789",
        }
        taken = await self.customer.post("/v1/reports", said)
        self._check(taken.status == 201, f"report {taken.json['report_id'][:13]}…, with a signed receipt")
        self._keep("report", taken.json["receipt"])
        past = await self.customer.get("/v1/me/calls")
        shown = ", ".join(call["state"] for call in past.json["calls"])
        self._check(len(past.json["calls"]) == 3, f"the customer sees every call made to them: {shown}")
        history = await called.play(self.customer, self.ivr, CUSTOMER_NUMBER, DESK, self._check)
        self._keep("call-history", history)

    async def _company(self) -> None:
        self._chapter("8  A company's loan, and the people around it")
        asking = self.loans, self.pbx, self.officer, self.ivr
        receipt = await company.play(*asking, lambda login: self._person(self._bank.customer(login)), DESK, self._check)
        self._keep("genuine-other-contact", receipt)

    async def _offline(self) -> None:
        self._chapter("9  Receipts are checked offline, the log is audited")
        async with self._session.get(f"{self._bank.url}/.well-known/callback-verification") as response:
            offline.play(await response.read(), self._out, self._check)
        await self._audit()

    async def _erasure(self) -> None:
        self._chapter("10  An application is erased")
        erased = await self.loans.delete(f"/v1/applications/{FRAUDSTER_APPLICATION}")
        self._check(erased.status == 200, "its key and salts are destroyed")
        gone = await self.loans.get(f"/v1/applications/{FRAUDSTER_APPLICATION}")
        self._check(gone.status == 410, f"reading it → {gone.json['slug']}")
        await self._audit()

    async def _audit(self) -> None:
        context = self._service.context
        audited = await audit_log(context.storage, context.ring, context.trust())
        counts = f"{audited.leaves} leaves, {audited.checkpoints} checkpoints, {audited.erased} erased"
        self._check(not audited.findings, "; ".join(audited.findings) or f"the log is whole: {counts}")

    async def _privacy(self) -> None:
        self._chapter("11  The database holds no personal data")
        path = self._bank.config.database.removeprefix("sqlite:")
        content = b"".join(file.read_bytes() for file in Path(path).parent.glob(Path(path).name + "*"))
        secret = [
            CUSTOMER_NUMBER,
            CUSTOMER_NUMBER[1:],
            FRAUDSTER_NUMBER,
            "王芳",
            "孙强",
            "李伟",
            *company.NAMES.values(),
            *company.NUMBERS.values(),
            company.COMPANY,
            "低息贷款",
            *self.codes,
        ]
        found = [each for each in secret if each.encode() in content]
        self._check(not found, f"none of {len(secret)} numbers, names and codes is in its {len(content) // 1024} KiB")

    async def _status(self) -> None:
        self._chapter("12  What the customer is told without a code")
        customer = self._person(self._bank.customer(call_status.CUSTOMER))
        await call_status.play(self.loans, self.pbx, self.officer, customer, self._bank, DESK, self._check)

    async def _counter(self) -> None:
        self._chapter("13  A customer walks into a branch")
        clerk = self._person(self._bank.officer(counter.CLERK, "counter"))
        customer = self._person(self._bank.customer(counter.CUSTOMER))
        asking, trust = (self.loans, self.pbx, self.officer, clerk, customer), self._service.context.trust()
        await counter.play(*asking, DESK, trust, self._out / "slip.txt", self._check)

    async def _looked(self) -> None:
        self._chapter("14  Who looked at the customer's data")
        auditor = self._person(self._bank.officer("9002", "auditor"))
        await looked.play(self.officer, auditor, self.customer, CUSTOMER_APPLICATION, self._check)

    async def _helper(self) -> None:
        self._chapter("15  A customer invites a helper")
        asking = self.loans, self.pbx, self.officer
        await helper.play(*asking, lambda login: self._person(self._bank.customer(login)), DESK, self._check)

    def _keep(self, name: str, receipt: dict[str, str]) -> None:
        write_receipt(self._out / f"{name}.receipt.json", Evidence(receipt["statement"], receipt["proof"]))


def _another_code(code: str) -> str:
    """A well-formed code that differs from `code`."""
    digits = f"{(int(code.replace(' ', '')[:8]) + 1) % 100_000_000:08d}"
    return digits + damm.check_digit(digits)
