"""The errors of this SDK. All errors have one base class. To tell errors apart, use their class or their `slug`.

Implements specs/protocol.md sections 7.2 and 9.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class FieldError(Struct, frozen=True):
    """An invalid member of a request. `pointer` is an RFC 6901 JSON Pointer."""

    pointer: str = ""
    detail: str = ""


class Refusal(Struct, frozen=True):
    """A rule of the contact policy that a call would break.

    If `exception` is true, a supervisor may grant an exception from the rule.
    """

    rule: str = ""
    detail: str = ""
    exception: bool = False


class CallbackVerificationError(Exception):
    """The base class of all errors of this SDK."""


class CannotCheck(CallbackVerificationError):
    """There is no reliable answer. This error says nothing about the call, so never treat the call as genuine (law L6).

    When you ask the bank about the error, give it the `request_id`. `status` is the HTTP status of the answer, or None.
    `retry_after` is in seconds.
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
    """A timeout or a lost connection. The service may or may not have processed the request."""


class Unavailable(CannotCheck):
    """The service has answered that it cannot check now."""

    slug = "unavailable"


class Problem(CallbackVerificationError):
    """The service refuses the request and says why (RFC 9457). `slug` names the kind of error.

    `acr_values` is only for InsufficientUserAuthentication.
    """

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
        acr_values: tuple[str, ...] = (),
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
        self.acr_values = acr_values
        self.retry_after = retry_after

    def __init_subclass__(cls, slug: str) -> None:
        Problem.known[slug] = cls

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, pickle cannot restore exceptions with keyword arguments, so process pools would lose them.
        return _unpickle, (type(self), self.args, self.__dict__.copy())


class Unauthenticated(Problem, slug="unauthenticated"):
    """The token or the signature is not accepted."""


class InsufficientUserAuthentication(Problem, slug="insufficient_user_authentication"):
    """The member of staff must sign in more strongly for this operation (RFC 9470).

    Ask the provider for a sign-in with one of `acr_values`. Then send the request again, with the new token and the
    same idempotency key. If `acr_values` is empty, ask for any new sign-in.
    """


class Forbidden(Problem, slug="forbidden"):
    """The caller may not do this."""


class Suspended(Forbidden, slug="suspended"):
    """The member of staff is suspended. They may do nothing, and no system may act in their name."""


class NotFound(Problem, slug="not_found"):
    """The resource does not exist, or belongs to somebody else."""


class Erased(Problem, slug="erased"):
    """The application's key has been destroyed. The id of an erased application cannot be used again."""


class OwnCustomer(Forbidden, slug="own_customer"):
    """The clerk is an officer of the customer who is present. Another clerk must ask for them."""


class PolicyRefused(Problem, slug="policy_refused"):
    """The contact policy does not allow this call. `refusals` lists every broken rule."""


class CallOpen(Problem, slug="call_open"):
    """Another call on the application is open."""


class CallClosed(Problem, slug="call_closed"):
    """The call has ended, expired or been revoked."""


class TooManyHelpers(Problem, slug="too_many_helpers"):
    """The customer has three helpers already, or the helper helps ten people."""


class LegNotConnected(Problem, slug="leg_not_connected"):
    """The code cannot be shown now, because the leg is not connected to the number in the ticket."""


class InvalidField(Problem, slug="invalid_field"):
    """The request has invalid members. `errors` lists them."""


class MalformedCode(Problem, slug="malformed_code"):
    """The code does not have 9 digits, or its check digit is wrong. Such a typing error costs no attempt."""


class IdempotencyKeyReused(Problem, slug="idempotency_key_reused"):
    """The idempotency key was used before, for another request."""


class RateLimited(Problem, slug="rate_limited"):
    """Too many attempts. Try again after `retry_after` seconds."""


class InternalError(Problem, CannotCheck, slug="internal_error"):
    """The service, or a proxy in front of the service, has failed (status 5xx).

    This class is both a `Problem` and a `CannotCheck`.
    """

    status: int


class EvidenceError(CallbackVerificationError):
    """A ticket, receipt, checkpoint or proof does not verify.

    `slug` is `invalid_signature`, `invalid_claims`, `invalid_proof` or `invalid_evidence`. The service uses the same
    slugs.
    """

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(f"{slug}: {detail}")
        self.slug = slug
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (type(self), self.args, self.__dict__.copy())


def _unpickle(kind: type[Exception], arguments: tuple[Any, ...], members: dict[str, Any]) -> Exception:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(members)
    return error
