"""Reads import files: a bank's applications as CSV or JSON Lines. Implements specs/protocol.md section 3.1."""

from __future__ import annotations

from verifier.import_files.contacts_file import ContactHeader, ContactsFile
from verifier.import_files.csv_lines import COLUMNS
from verifier.import_files.import_file import ImportFile
from verifier.import_files.lines import ENCODINGS, UnreadableFile
from verifier.import_files.numbers import REGIONS, e164
from verifier.import_files.rejects import Rejects
from verifier.import_files.rows import REASON, Bad, Blank, ContactLine, Good, Reading, Row, Superseded

__all__ = [
    "COLUMNS",
    "ENCODINGS",
    "REASON",
    "REGIONS",
    "Bad",
    "Blank",
    "ContactHeader",
    "ContactLine",
    "ContactsFile",
    "Good",
    "ImportFile",
    "Reading",
    "Rejects",
    "Row",
    "Superseded",
    "UnreadableFile",
    "e164",
]
