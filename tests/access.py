"""Who may send each operation, and which operations record who looked. Makes the tables in specs/access.md.

tests/api/test_access.py sends each operation as each caller. python -m tests.access > specs/access.md
"""

from __future__ import annotations

from verifier.api.operations import Operation
from verifier.api.routes import operations
from verifier.api.throttle import SLIPS, Throttle
from verifier.core.principal import STAFF_ROLES, SYSTEM_SCOPES

# The callers of the table, each with its only grant.
CALLERS: dict[str, str] = {
    "nobody": "",
    "customer": "customer",
    **{role: f"staff:{role}" for role in STAFF_ROLES},
    **{f"system: {scope}": f"system:{scope}" for scope in SYSTEM_SCOPES},
}
OPERATIONS: tuple[Operation, ...] = operations(None, Throttle("slips", SLIPS, lambda: 0))  # type: ignore[arg-type]

RECORDED = "recorded"
OWN_WRITE = "not recorded: it confirms what the caller has just written"
LOGGED = "not recorded as a look: the log and the call say who and when"
DIALLED = "not recorded: it signs the number that the system dials, for a call that is in the log"
SPOKEN = "not recorded: it answers the person who rings, by telephone"
SENT = "not recorded: it draws what the caller has sent"
NOTHING = "not recorded: its answer holds nothing of a customer"
# Every operation that staff or systems may send: whether it records who looked, or why not (law L15).
LOOKS: dict[str, str] = {
    "put_application": OWN_WRITE,
    "get_application": RECORDED,
    "search_applications": RECORDED,
    "delete_application": NOTHING,
    "grant_exception": OWN_WRITE,
    "request_exception": RECORDED,
    "list_exception_requests": RECORDED,
    "decide_exception": RECORDED,
    "issue_call": LOGGED,
    "list_calls": RECORDED,
    "list_queue": RECORDED,
    "get_call": RECORDED,
    "call_events": RECORDED,
    "reveal_code": LOGGED,
    "leg_event": NOTHING,
    "leg_by_number": NOTHING,
    "exchange_alive": NOTHING,
    "list_exchanges": NOTHING,
    "list_discrepancies": NOTHING,
    "make_identity": DIALLED,
    "revoke_call": RECORDED,
    "get_staff_member": NOTHING,
    "suspend_staff": NOTHING,
    "lift_suspension": NOTHING,
    "list_suspensions": NOTHING,
    "search_looks": RECORDED,
    "confirm_by_phone": SPOKEN,
    "begin_session": SPOKEN,
    "step_session": SPOKEN,
    "report_call": OWN_WRITE,
    "find_customer": RECORDED,
    "check_calls_at_counter": RECORDED,
    "confirm_at_counter": RECORDED,
    "report_at_counter": RECORDED,
    "draw_receipt": SENT,
}

HEAD = """# Who may do what

Made by `python -m tests.access > specs/access.md` from the table of operations. `tests/api/test_access.py` sends each
operation over HTTP as each caller, and fails if the service allows or refuses anything else. It fails as well if an
operation for staff or systems is missing in the second table.

- **yes**: the caller may send it. What they may see of it is in [protocol.md](protocol.md): officers see only what they
  are assigned to, customers only what is their own.
- **strong**: yes, and staff must have signed in as strongly as the bank asks (section 2.2).
- empty: refused, without a login as `unauthenticated`, and otherwise as `forbidden`.

"""
BETWEEN = """
## Who looked

Which operations for staff or systems record the look at a customer's data (protocol.md, section 7.17), and why the
others do not.

| operation | the look is |
|---|---|
"""


def allowed(operation: Operation, grant: str) -> bool:
    """Whether a caller with this grant may send an operation."""
    return not operation.who or grant in operation.who


def text() -> str:
    """The text of specs/access.md."""
    head = f"| operation | {' | '.join(CALLERS)} |\n|---|{'---|' * len(CALLERS)}\n"
    rows = [
        f"| `{each.id}` | {' | '.join(_cell(each, grant) for grant in CALLERS.values())} |\n" for each in OPERATIONS
    ]
    looks = [f"| `{name}` | {told} |\n" for name, told in LOOKS.items()]
    return HEAD + head + "".join(rows) + BETWEEN + "".join(looks)


def _cell(operation: Operation, grant: str) -> str:
    if not allowed(operation, grant):
        return ""
    return "strong" if operation.step_up and grant.startswith("staff:") else "yes"


if __name__ == "__main__":
    print(text(), end="")
