"""The exceptions of the service. Each class has a slug, which specs/protocol.md section 9 defines.

Only `verifier.api.problems` knows the HTTP status of a class.
"""

from __future__ import annotations

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """An error in one member of a request. `pointer` is a JSON Pointer (RFC 6901)."""

    pointer: str
    detail: str


class Refusal(msgspec.Struct, frozen=True):
    """A rule of the contact policy that a call would break. If `exception` is true, a supervisor may lift the rule."""

    rule: str
    detail: str
    exception: bool = False


class VerifierError(Exception):
    """The base class of all errors that this service raises on purpose.

    `detail` may be shown to the caller. `reason` goes to the log, and contains no data from a client. `acr_values` is
    only for InsufficientUserAuthentication.
    """

    slug = "internal_error"
    title = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        refusals: tuple[Refusal, ...] = (),
        acr_values: tuple[str, ...] = (),
        retry_after: int | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.refusals = refusals
        self.acr_values = acr_values
        self.retry_after = retry_after
        self.reason = reason or self.detail


class InternalError(VerifierError):
    """A bug in the service. The caller learns nothing about it."""


class Tampered(InternalError):
    """A row of the database fails its integrity check (law L16). The service does not use the row."""

    def __init__(self, table: str) -> None:
        super().__init__(f"a row of {table} does not verify")
        self.table = table


class MalformedRequest(VerifierError):
    """The request cannot be parsed. For example, it is not JSON or not UTF-8, repeats a member, or has a bad header."""

    slug = "malformed_request"
    title = "The request cannot be read"


class BodyTooLarge(VerifierError):
    slug = "body_too_large"
    title = "The request body is too large"


class UriTooLong(VerifierError):
    slug = "uri_too_long"
    title = "The target of the request is too long"


class HeaderTooLarge(VerifierError):
    slug = "header_too_large"
    title = "A header of the request is too large"


class UnsupportedMediaType(VerifierError):
    """The body is not of the type `application/json`, or the request has a Content-Encoding."""

    slug = "unsupported_media_type"
    title = "The request body is not of a type that is taken here"


class InvalidField(VerifierError):
    """At least one member has a wrong type, is out of bounds, or is unknown. `errors` names each wrong member."""

    slug = "invalid_field"
    title = "A member of the request is not valid"

    @classmethod
    def at(cls, pointer: str, detail: str) -> InvalidField:
        """Make the error for one wrong member. `pointer` is the JSON Pointer to the member."""
        return cls(detail, errors=(FieldError(pointer, detail),))


class MalformedCode(InvalidField):
    """The input does not have nine digits, or their check digit is wrong. Such a typing error costs no attempt."""

    slug = "malformed_code"
    title = "That is not a complete code"


class Unauthenticated(VerifierError):
    slug = "unauthenticated"
    title = "Who is calling could not be established"


class InsufficientUserAuthentication(VerifierError):
    """The member of staff has signed in, but not strongly enough for this operation (RFC 9470).

    `acr_values` lists the authentication contexts that are strong enough. It is empty if any context will do.
    """

    slug = "insufficient_user_authentication"
    title = "A stronger sign-in is needed"


class Forbidden(VerifierError):
    slug = "forbidden"
    title = "The caller may not do this"


class Suspended(Forbidden):
    """The member of staff is suspended. They can do nothing, and no system can act in their name."""

    slug = "suspended"
    title = "This member of staff is suspended"


class OwnCustomer(Forbidden):
    """The clerk at the counter is an officer of the customer who is present. Another clerk must ask for them."""

    slug = "own_customer"
    title = "You are an officer of this customer; another clerk must ask for them"


class NotFound(VerifierError):
    slug = "not_found"
    title = "There is nothing here"


class MethodNotAllowed(VerifierError):
    slug = "method_not_allowed"
    title = "This address does not take that method"


class Erased(VerifierError):
    """The application's key was destroyed. The application's id cannot be used again."""

    slug = "erased"
    title = "The application has been erased"


class PolicyRefused(VerifierError):
    """The contact policy (law L10) does not allow this call. `refusals` lists the broken rules, with the reasons."""

    slug = "policy_refused"
    title = "The contact policy does not allow this call"


class CallOpen(VerifierError):
    """Another officer's call on the same application has not ended."""

    slug = "call_open"
    title = "Another call on this application is open"


class TooManyHelpers(VerifierError):
    """The customer has three helpers already, or the helper helps ten people."""

    slug = "too_many_helpers"
    title = "There are as many helpers as allowed"


class CallClosed(VerifierError):
    """It is too late for the request, because the call has ended, has expired or was revoked."""

    slug = "call_closed"
    title = "The call is no longer open"


class LegNotConnected(VerifierError):
    """The service has no report that the officer's leg is connected to the number on file (law L5)."""

    slug = "leg_not_connected"
    title = "The call is not connected to the number on file"


class IdempotencyKeyMissing(VerifierError):
    slug = "idempotency_key_missing"
    title = "The Idempotency-Key header is missing or malformed"


class IdempotencyKeyReused(VerifierError):
    """The idempotency key was used before, with a different request."""

    slug = "idempotency_key_reused"
    title = "The Idempotency-Key was used for another request"


class RateLimited(VerifierError):
    slug = "rate_limited"
    title = "Too many attempts"


class Unavailable(VerifierError):
    """The service cannot answer now. Clients must never read this as genuine (law L6)."""

    slug = "unavailable"
    title = "We cannot check now"


class EvidenceError(VerifierError):
    """A ticket, receipt, checkpoint or proof does not verify."""

    slug = "invalid_evidence"
    title = "The evidence does not verify"


class InvalidSignature(EvidenceError):
    slug = "invalid_signature"
    title = "The signature does not verify"


class InvalidProof(EvidenceError):
    slug = "invalid_proof"
    title = "The log proof does not verify"


class InvalidClaims(EvidenceError):
    """The signature is good, but the claims do not fit the type of statement."""

    slug = "invalid_claims"
    title = "The signed statement is not of the expected form"
