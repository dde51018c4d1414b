"""`python -m tests.vectors [FOLDER]` writes the vectors into specs/vectors, or into the given folder."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.vectors.files import FOLDER
from tests.vectors.made import made

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
folder.mkdir(parents=True, exist_ok=True)
for subject, text in asyncio.run(made()).items():
    (folder / f"{subject}.json").write_text(text, encoding="utf-8", newline="\n")
