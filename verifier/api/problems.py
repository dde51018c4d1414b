"""Converts errors to problems (RFC 9457). Only this module knows the HTTP status of an error."""

from __future__ import annotations

import msgspec
from aiohttp import web

from verifier.api.headers import Answer
from verifier.core import errors
from verifier.core.errors import FieldError, Refusal, VerifierError

STATUS: dict[type[VerifierError], int] = {
    errors.MalformedRequest: 400,
    errors.IdempotencyKeyMissing: 400,
    errors.Unauthenticated: 401,
    errors.InsufficientUserAuthentication: 401,
    errors.Forbidden: 403,
    errors.Suspended: 403,
    errors.OwnCustomer: 403,
    errors.PolicyRefused: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.CallOpen: 409,
    errors.CallClosed: 409,
    errors.TooManyHelpers: 409,
    errors.LegNotConnected: 409,
    errors.Erased: 410,
    errors.BodyTooLarge: 413,
    errors.UriTooLong: 414,
    errors.UnsupportedMediaType: 415,
    errors.InvalidField: 422,
    errors.MalformedCode: 422,
    errors.IdempotencyKeyReused: 422,
    errors.RateLimited: 429,
    errors.HeaderTooLarge: 431,
    errors.InternalError: 500,
    errors.Unavailable: 503,
}
RETRY_AFTER_S = 2
CONTENT_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem (RFC 9457). `slug` names the kind of error. For a 5xx status, `verdict` is `unavailable`.

    `acr_values` comes with `insufficient_user_authentication`, and repeats the challenge of RFC 9470.
    """

    type: str
    title: str
    status: int
    slug: str
    detail: str
    request_id: str
    errors: tuple[FieldError, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    acr_values: tuple[str, ...] = ()
    verdict: str | None = None


_encode = msgspec.json.Encoder().encode


def status_of(kind: type[VerifierError]) -> int:
    """The HTTP status of an error class, or of its nearest ancestor that has one."""
    return next((STATUS[each] for each in kind.__mro__ if each in STATUS), 500)


def _challenge(error: VerifierError) -> str:
    """The challenge of a 401 (RFC 6750 section 3, RFC 9470 section 3).

    The settings allow no quotation mark and no backslash in the values.
    """
    challenge = 'Bearer realm="callback-verification"'
    if isinstance(error, errors.InsufficientUserAuthentication):
        challenge += f', error="{error.slug}", error_description="{error.detail}"'
        if error.acr_values:
            challenge += f', acr_values="{" ".join(error.acr_values)}"'
    return challenge


def problem_response(error: VerifierError, request_id: str, headers: dict[str, str]) -> web.Response:
    """Make the response for an error.

    A 5xx has `verdict: unavailable`, so that no client reads it as genuine (law L6).
    """
    status = status_of(type(error))
    shown: VerifierError = error if status < 500 or isinstance(error, errors.Unavailable) else errors.InternalError()
    problem = Problem(
        type=f"/docs#problem-{shown.slug}",
        title=shown.title,
        status=status,
        slug=shown.slug,
        detail=shown.detail,
        request_id=request_id,
        errors=shown.errors,
        refusals=shown.refusals,
        acr_values=shown.acr_values,
        verdict="unavailable" if status >= 500 else None,
    )
    response = Answer(body=_encode(problem), status=status, content_type=CONTENT_TYPE, headers=headers)
    if status == 401:
        response.headers["WWW-Authenticate"] = _challenge(shown)
    if status == 415:
        response.headers["Accept-Encoding"] = "identity"
    if status in (429, 503):
        response.headers["Retry-After"] = str(error.retry_after or RETRY_AFTER_S)
    return response
