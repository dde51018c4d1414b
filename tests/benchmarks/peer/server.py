"""Starts the peer beside the service: the same applications, logins and folder, in a database of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.benchmarks.bank import Bank
from tests.benchmarks.load import Answer, Failed
from tests.benchmarks.servers import Server


class _Verdict(msgspec.Struct):
    verdict: str
    given_before: bool
    receipt: str


_decode_verdict = msgspec.json.Decoder(_Verdict).decode


def start(bank: Bank, applications: int, python: Path, group: int, port: int, core: int, folder: Path) -> Server:
    """Start the peer with a Python that has its packages. `group` is how many requests one transaction may have."""
    key = generate_private_key(SECP256R1())
    (folder / "peer.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with (folder / "peer.jsonl").open("wb") as file:
        for i in range(applications):
            name, registration = bank.application(i)
            officer = registration.officers[0]
            row = {"application_id": name, "customer_id": registration.customer.id}
            row |= {"number": registration.numbers[0].number, "officer_id": officer.id}
            row |= {"officer_name": officer.name, "branch": officer.branch}
            file.write(msgspec.json.encode(row) + b"\n")
    environment = {
        "PEER_DATABASE": str(folder / "peer.sqlite3"),
        "PEER_APPLICATIONS": str(folder / "peer.jsonl"),
        "PEER_KEY": str(folder / "peer.pem"),
        "PEER_ISSUER": bank.issuer.issuer,
        "PEER_CONTACT_HOURS": "0-24",
        "PEER_GROUP": str(group),
    }
    options = [
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    application = "tests.benchmarks.peer.service:app"
    return Server(["uvicorn", application, *options], environment, core, folder / "peer.log", (str(python.absolute()),))


def check_verdicts(answers: Iterable[Answer]) -> None:
    """Raise Failed unless every verdict is `genuine`, with a receipt, for the first time."""
    for _, body in answers:
        verdict = _decode_verdict(body)
        if verdict.verdict != "genuine" or verdict.given_before or not verdict.receipt:
            raise Failed(f"a genuine code was answered {body.decode()}")
