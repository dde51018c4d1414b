"""specs/openapi.yaml, parsed once for all tests that use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

COMMITTED = Path(__file__).parents[1] / "specs" / "openapi.yaml"
# The C loader takes a tenth of the time, but PyYAML may lack it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DESCRIPTION: dict[str, Any] = yaml.load(COMMITTED.read_text(encoding="utf-8"), _Loader)  # noqa: S506
