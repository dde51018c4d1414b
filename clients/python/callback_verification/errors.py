"""The errors of this SDK: one tree, told apart by class and by the service's slugs.

Implements specs/protocol.md sections 7.2 and 9.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class FieldError(Struct, frozen=True):
    """One member of a request that is at fault; `pointer` is an RFC 6901 JSON Pointer."""

    pointer: str = ""
    detail: str = ""


class Refusal(Struct, frozen=True):
    """One rule of the contact policy that a call would break; `exception` says that a supervisor may lift it."""

    rule: str = ""
    detail: str = ""
    exception: bool = False


class CallbackVerificationError(Exception):
    """Root of every error this SDK raises about the service or about evidence."""


class CannotCheck(CallbackVerificationError):
    """There is no answer that can be relied on. It says nothing about the call: never read it as genuine (law L6).

    `request_id` is what to quote to the bank, `status` the HTTP status if there was one, `retry_after` seconds.
    """

    def __init__(
        self, detail: str, *, request_id: str | None = None, status: int | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.request_id = request_id
        self.status = status
        self.retry_after = retry_after


class NoAnswer(CannotCheck):
    """A time-out or a lost connection: whether the service has done what was asked is not known."""


class Unavailable(CannotCheck):
    """The service itself says that it cannot check now."""

    slug = "unavailable"


class Problem(CallbackVerificationError):
    """The service will not do what was asked, and says why (RFC 9457). `slug` is its word for the kind of error."""

    known: ClassVar[dict[str, type[Problem]]] = {}

    def __init__(
        self,
        slug: str,
        status: int,
        title: str,
        detail: str,
        *,
        request_id: str | None = None,
        errors: tuple[FieldError, ...] = (),
        refusals: tuple[Refusal, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{slug}: {detail or title}")
        self.slug = slug
        self.status = status
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.errors = errors
        self.refusals = refusals
        self.retry_after = retry_after

    def __init_subclass__(cls, slug: str) -> None:
        Problem.known[slug] = cls

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions with keywords do not survive a process pool or a task queue by themselves.
        return _again, (type(self), self.args, self.__dict__.copy())


class Unauthenticated(Problem, slug="unauthenticated"):
    """Token or signature are not accepted."""


class Forbidden(Problem, slug="forbidden"):
    """The caller may not do this."""


class Suspended(Forbidden, slug="suspended"):
    """The member of staff is suspended: they can do nothing, and nothing can be done in their name."""


class NotFound(Problem, slug="not_found"):
    """It does not exist, or is not the caller's."""


class Erased(Problem, slug="erased"):
    """The application's key has been destroyed; its id is never used again."""


class PolicyRefused(Problem, slug="policy_refused"):
    """The contact policy does not allow this call; `refusals` names every rule."""


class CallOpen(Problem, slug="call_open"):
    """Another call on the application goes on."""


class CallClosed(Problem, slug="call_closed"):
    """The call has ended, expired or been revoked."""


class LegNotConnected(Problem, slug="leg_not_connected"):
    """The code may not be seen now: the leg is not connected to the number on file."""


class InvalidField(Problem, slug="invalid_field"):
    """`errors` names every member at fault."""


class MalformedCode(Problem, slug="malformed_code"):
    """Not nine digits, or the check digit is wrong: a slip of the finger, which costs no attempt."""


class IdempotencyKeyReused(Problem, slug="idempotency_key_reused"):
    """The key came with another request before."""


class RateLimited(Problem, slug="rate_limited"):
    """Too many attempts; `retry_after` says when again, in seconds."""


class InternalError(Problem, CannotCheck, slug="internal_error"):
    """A defect, of the service or of something in front of it (5xx): a `Problem` that is a `CannotCheck` too."""

    status: int


class EvidenceError(CallbackVerificationError):
    """A ticket, receipt, checkpoint or proof does not verify. `slug` is the service's own word for it:
    `invalid_signature`, `invalid_claims`, `invalid_proof` or `invalid_evidence`."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(f"{slug}: {detail}")
        self.slug = slug
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.args, self.__dict__.copy())


def _again(kind: type[Exception], arguments: tuple[Any, ...], members: dict[str, Any]) -> Exception:
    made = kind.__new__(kind, *arguments)
    made.__dict__.update(members)
    return made
