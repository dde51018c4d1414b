"""Draws receipts as QR codes (ISO/IEC 18004). Implements specs/protocol.md section 8.5."""

from __future__ import annotations

import asyncio
from itertools import groupby

import msgspec
import segno

from verifier.api.operations import Asked
from verifier.core import printed
from verifier.core.errors import InvalidField
from verifier.core.evidence import Evidence
from verifier.core.messages.confirmations import DrawnReceipt, Symbol, VerifyReceipt
from verifier.service import Service

# The margin that a symbol needs, in modules.
MARGIN = 4


async def draw_receipt(service: Service, asked: Asked[VerifyReceipt, None]) -> DrawnReceipt:
    """Draw a statement of this deployment. Raises InvalidField for anything else: nothing forged is drawn here."""
    checked = service.receipts.verify(asked.body)
    if checked.result != "valid":
        raise InvalidField.at("/statement", "this is no receipt of this service, or it does not verify")
    content = msgspec.json.encode(Evidence(asked.body.statement, asked.body.proof))
    try:
        texts = printed.texts(content)
    except ValueError as error:
        raise InvalidField.at("/proof", str(error)) from error
    # In a thread, because a large symbol takes a tenth of a second.
    return await asyncio.to_thread(lambda: DrawnReceipt(tuple(map(draw, texts))))


def draw(text: str) -> Symbol:
    """Draw a text at error correction level L. Raises ValueError if it does not fit into one symbol."""
    code = segno.make_qr(text, error="l", mode="alphanumeric", boost_error=False)
    path = "".join(_row(row, y) for y, row in enumerate(code.matrix, MARGIN))
    return Symbol(text, len(code.matrix) + 2 * MARGIN, path)


def _row(row: bytearray, y: int) -> str:
    """The dark modules of a row, as rectangles."""
    drawn, x = [], MARGIN
    for dark, run in groupby(row):
        length = len(list(run))
        if dark:
            drawn.append(f"M{x} {y}h{length}v1h-{length}z")
        x += length
    return "".join(drawn)
