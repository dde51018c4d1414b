"""Structs with a repr that holds no personal data. Implements law L11 of specs/laws.md."""

from __future__ import annotations

from msgspec import Struct

_IDS = (
    "application_id",
    "call_id",
    "exception_id",
    "look_id",
    "helper_id",
    "receipt_id",
    "report_id",
    "request_id",
    "session_id",
    "suspension_id",
)
_SHOWN = frozenset((*_IDS, "discrepancy_id", "kind", "event", "result", "state", "expires_at", "at"))


class Shape(Struct, frozen=True):
    """A struct whose repr has only ids, states and times. Names, numbers and codes stay out of tracebacks."""

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name in _SHOWN]
        return f"{type(self).__name__}({', '.join(shown)})"
