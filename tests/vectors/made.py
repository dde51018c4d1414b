"""Generates the text of all files of vectors."""

from __future__ import annotations

from tests.vectors.bank import Bank
from tests.vectors.checkpoints import checkpoints
from tests.vectors.codes import check_digit, code
from tests.vectors.contacts import contacts
from tests.vectors.dialogues import dialogues
from tests.vectors.files import SUBJECTS, laid_out
from tests.vectors.kept import files
from tests.vectors.printed import printed
from tests.vectors.problems import problems
from tests.vectors.proofs import proofs
from tests.vectors.statements import histories, receipts, tickets


async def made() -> dict[str, str]:
    """The text of each file by subject, byte for byte the same each time."""
    bank = Bank()
    await bank.work()
    made = (
        code(bank),
        check_digit(bank),
        tickets(bank),
        receipts(bank),
        files(bank),
        checkpoints(),
        proofs(),
        dialogues(),
        problems(),
        histories(bank),
        printed(bank),
        contacts(bank),
    )
    return dict(zip(SUBJECTS, map(laid_out, made), strict=True))
