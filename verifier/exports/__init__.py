"""A bank's export of applications, CSV or JSON Lines: a line is a record. Carries out specs/protocol.md section 3.1."""

from __future__ import annotations

from verifier.exports.csv_lines import COLUMNS
from verifier.exports.export import Export
from verifier.exports.lines import ENCODINGS, UnreadableExport
from verifier.exports.numbers import REGIONS, e164
from verifier.exports.rejects import Rejects
from verifier.exports.rows import REASON, Bad, Blank, Good, Reading, Row, Superseded

__all__ = [
    "COLUMNS",
    "ENCODINGS",
    "REASON",
    "REGIONS",
    "Bad",
    "Blank",
    "Export",
    "Good",
    "Reading",
    "Rejects",
    "Row",
    "Superseded",
    "UnreadableExport",
    "e164",
]
