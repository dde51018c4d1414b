"""The logic for sending a request, without I/O: it makes headers, interprets answers, and decides when to retry.

Implements specs/protocol.md sections 3.2, 7.2 and 9.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from callback_verification.credentials import Credential
from callback_verification.errors import CannotCheck, FieldError, InternalError, NoAnswer, Problem, Refusal, Unavailable
from callback_verification.requests import Request

MAX_ANSWER = 1_048_576
USER_AGENT = "callback-verification-python/0.1"
TRY_AGAIN = (429, 503)
FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_RETRY_AFTER_S = 0.25, 4.0, 10

Answer = TypeVar("Answer")


class Timeouts(Struct, frozen=True):
    """The timeouts of a request, in seconds.

    - `try_s`: for one try.
    - `connect_s`: for connecting.
    - `total_s`: for all tries and the pauses between tries.
    - `tries`: the maximum number of tries.
    """

    try_s: float = 10.0
    connect_s: float = 3.0
    total_s: float = 20.0
    tries: int = 3


class Outgoing(Struct, frozen=True):
    """One try to send a request. `time_s` is the timeout of the try, `connect_s` that for connecting, in seconds."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    time_s: float
    connect_s: float

    def __repr__(self) -> str:
        # Leave out the headers and the body: the headers hold a token, and the body may hold a code.
        return f"Outgoing({self.method} {self.url})"


class _ProblemBody(Struct, frozen=True):
    slug: str
    title: str = ""
    detail: str = ""
    request_id: str | None = None
    verdict: str | None = None
    errors: tuple[FieldError, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    acr_values: tuple[str, ...] = ()


class Sending(Generic[Answer]):
    """One request and all tries to send it.

    `now` is a monotonic clock in seconds. `wall` returns the time in epoch seconds. `random` returns a number from 0
    to 1.
    """

    def __init__(
        self,
        request: Request[Answer],
        url: str,
        credential: Credential | None,
        timeouts: Timeouts,
        now: Callable[[], float],
        wall: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._request = request
        self._url = url
        self._credential = credential
        self._timeouts = timeouts
        self._now = now
        self._wall = wall
        self._random = random
        self._until = now() + timeouts.total_s
        self._tried = 0
        self._request_id = secrets.token_hex(16)

    def outgoing(self) -> Outgoing:
        """Return the next try. Each try has a new signature and the same idempotency key.

        Raises NoAnswer after the total timeout.
        """
        left = self._until - self._now()
        if left <= 0:
            raise NoAnswer("there was no answer before the timeout", request_id=self._request_id)
        self._tried += 1
        request = self._request
        headers = {
            "Accept": f"{request.accept}, application/problem+json",
            # Ask for an uncompressed answer. The size limit counts received bytes, and few compressed bytes can become
            # a huge answer.
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
            "X-Request-ID": self._request_id,
        }
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if self._credential is not None:
            headers |= self._credential.headers(request.method, self._url, headers, request.body, self._wall())
        time_s = min(left, self._timeouts.try_s)
        connect_s = min(time_s, self._timeouts.connect_s)
        return Outgoing(request.method, self._url, headers, request.body, time_s, connect_s)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """Decode an answer of the service. Raises Problem if the service refuses the request.

        Raises CannotCheck if the answer is `unavailable`, or cannot be understood.
        """
        request_id = headers.get("X-Request-ID") or self._request_id
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise CannotCheck(
                "the answer is encoded, although the request allows no encoding", request_id=request_id, status=status
            )
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if status not in (200, 201):
            raise _refusal(status, kind, body, request_id, _retry_after(headers))
        if kind != self._request.accept:
            raise CannotCheck(f"the answer has the media type {kind or '(none)'}", request_id=request_id, status=status)
        shape: Any = self._request.answer
        try:
            if shape in (str, bytes):
                raw: Any = body.decode() if shape is str else body
                return raw  # type: ignore[no-any-return]
            decoded: Answer = msgspec.json.decode(body, type=shape)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise CannotCheck(f"the answer is not understood: {error}", request_id=request_id, status=status) from error
        return decoded

    def lost(self, why: Exception) -> NoAnswer:
        """Return the error for a lost connection or a timeout."""
        return NoAnswer(f"there was no answer: {type(why).__name__}", request_id=self._request_id)

    def pause(self, error: Exception) -> float:
        """Return the seconds to wait before the next try. Raises `error` if the request must not be sent again.

        The backoff has full jitter, so that clients that failed at the same time do not retry at the same time. The
        pause is never shorter than `Retry-After`.
        """
        status = getattr(error, "status", None)
        if self._tried >= self._timeouts.tries or not (isinstance(error, NoAnswer) or status in TRY_AGAIN):
            raise error
        asked: int = getattr(error, "retry_after", None) or 0
        pause = asked + self._random() * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** (self._tried - 1))
        if asked > LONGEST_RETRY_AFTER_S or self._now() + pause >= self._until:
            raise error
        return pause


def _refusal(status: int, kind: str, body: bytes, request_id: str, retry_after: int | None) -> Problem | CannotCheck:
    unclear = CannotCheck(
        f"HTTP {status} without a problem document", request_id=request_id, status=status, retry_after=retry_after
    )
    if status < 400 or kind != "application/problem+json":
        return unclear
    try:
        problem = msgspec.json.decode(body, type=_ProblemBody)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return unclear
    request_id = problem.request_id or request_id
    if problem.slug == Unavailable.slug or problem.verdict == "unavailable":
        detail = problem.detail or problem.title
        return Unavailable(detail, request_id=request_id, status=status, retry_after=retry_after)
    kind_of_problem = InternalError if status >= 500 else Problem.known.get(problem.slug, Problem)
    return kind_of_problem(
        problem.slug,
        status,
        problem.title,
        problem.detail,
        request_id=request_id,
        errors=problem.errors,
        refusals=problem.refusals,
        acr_values=problem.acr_values,
        retry_after=retry_after,
    )


def _retry_after(headers: Mapping[str, str]) -> int | None:
    value = headers.get("Retry-After", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else None
