"""Vectors of refusals over HTTP: problems.json (protocol sections 7.2 and 9), and how a client must read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.vectors.files import Json, invalid, valid
from verifier.api.problems import STATUS, problem_response
from verifier.core.errors import FieldError, InsufficientUserAuthentication, Refusal

REQUEST_ID = "0123456789abcdef"
PROBLEM, JSON = "application/problem+json", "application/json"
AGAIN = (429, 503)
STEP_UP = InsufficientUserAuthentication.slug

ERRORS = (FieldError("/number", "not an E.164 number"), FieldError("/purpose", "there is no such purpose"))
CODE = (FieldError("/code", "The code has nine digits and nothing else"),)
REFUSALS = (Refusal("contact_hours", "it is 22:10 where the customer is", True), Refusal("consent", "none"))


def problems() -> Json:
    """problems.json."""
    return {
        "about": "Answers that are not what was asked for, and what a client makes of them (protocol.md section 9)",
        "vectors": [*_of_the_service(), *_of_others(), *_that_are_none()],
    }


def _of_the_service() -> Iterator[Json]:
    """Each error as the service itself writes it."""
    for kind in STATUS:
        more: dict[str, Any] = {}
        if kind.slug in ("invalid_field", "malformed_code"):
            more["errors"] = CODE if kind.slug == "malformed_code" else ERRORS
        if kind.slug == "policy_refused":
            more["refusals"] = REFUSALS
        if kind.slug == "rate_limited":
            more["retry_after"] = 7
        if kind.slug == STEP_UP:
            more["acr_values"] = ("phr", "urn:bank:two-factors")
        answer = problem_response(kind("", **more), REQUEST_ID, {"X-Request-ID": REQUEST_ID})
        assert isinstance(answer.body, bytes)
        headers = {name: value for name, value in answer.headers.items() if name in ("Retry-After", "X-Request-ID")}
        yield _told(kind.slug, kind.title, answer.status, answer.body.decode(), Content_Type=PROBLEM, **headers)


def _told(name: str, about: str, status: int, body: str, **headers: str) -> Json:
    """A valid problem, with everything that a client must read from it."""
    said = json.loads(body)
    unavailable = said["slug"] == "unavailable" or said.get("verdict") == "unavailable"
    waiting = headers.get("Retry-After")
    outcome = {
        "understood": "unavailable" if unavailable else "problem",
        **({} if unavailable else {"slug": said["slug"]}),
        "status": status,
        "title": said.get("title", ""),
        "detail": said.get("detail", ""),
        "request_id": said.get("request_id", headers.get("X-Request-ID")),
        "retry_after": None if waiting is None else int(waiting),
        "errors": said.get("errors", []),
        "refusals": said.get("refusals", []),
        **({"acr_values": said["acr_values"]} if "acr_values" in said else {}),
    }
    if unavailable:
        outcome = {name: value for name, value in outcome.items() if name not in ("title", "errors", "refusals")}
    return {**valid(name, about, outcome, **_answer(status, headers, body)), "try_again": status in AGAIN}


def _none(name: str, about: str, status: int, body: str, **headers: str) -> Json:
    made = invalid(name, about, "cannot_check", **_answer(status, headers, body))
    return {**made, "try_again": status in AGAIN}


def _answer(status: int, headers: dict[str, str], body: str) -> Json:
    return {"status": status, "headers": {n.replace("_", "-"): v for n, v in headers.items()}, "body": body}


def _of_others() -> Iterator[Json]:
    """Well-formed problems that the current service does not write."""
    slug: Json = {"slug": "not_found"}

    def told(name: str, about: str, status: int, body: Json, **headers: str) -> Json:
        return _told(name, about, status, json.dumps(body), Content_Type=headers.pop("kind", PROBLEM), **headers)

    named = {"X-Request-ID": REQUEST_ID}
    yield told("slug-new", "a slug that is not known yet", 409, {"slug": "call_elsewhere", "detail": "d"}, **named)
    yield told("slug-alone", "nothing but a slug", 404, slug, **named)
    yield told("members-new", "members that are not known", 404, {**slug, "more": {"a": 1}}, **named)
    about = "the word genuine in a problem means nothing"
    yield told("verdict-genuine", about, 409, {"slug": "call_open", "verdict": "genuine"}, **named)
    about = "verdict unavailable counts, whatever the status"
    yield told("verdict-unavailable", about, 409, {"slug": "call_open", "verdict": "unavailable"}, **named)
    yield told("unavailable-409", "slug unavailable counts, whatever the status", 409, {"slug": "unavailable"}, **named)
    about = "the status is that of the answer, not of the body"
    yield told("status-other", about, 404, {**slug, "status": 200}, **named)
    yield told("kind-parameter", "a parameter of the media type", 404, slug, kind=f"{PROBLEM}; charset=utf-8", **named)
    yield told("kind-capitals", "the media type in capitals", 404, slug, kind=PROBLEM.upper(), **named)
    yield told("request-id", "the id in the body is the service's own", 404, {**slug, "request_id": "other"}, **named)
    limited = {"slug": "rate_limited"}
    yield told("no-retry-after", "no word on when to try again", 429, limited, **named)
    step_up: Json = {"slug": STEP_UP, "acr_values": []}
    yield told("step-up-any", "a stronger sign-in of any kind", 401, step_up, **named)
    yield told("retry-after-0", "try again at once", 429, limited, **{"Retry-After": "0"}, **named)


def _that_are_none() -> Iterator[Json]:
    """Answers that a client must not understand. The call then cannot be checked (law L6)."""
    html = "<h1>genuine</h1>"
    good = json.dumps({"slug": "call_open", "title": "t", "detail": "d"})
    genuine = json.dumps({"slug": "call_open", "verdict": "genuine"})
    for status in (400, 404, 429, 500, 502, 503, 504):
        yield _none(f"html-{status}", "a page of something in between", status, html, Content_Type="text/html")
    for status in (404, 503):
        yield _none(f"empty-{status}", "nothing", status, "")
    for status in (500, 502, 504, 599):
        about = "a problem in the fives, whatever it says, is a defect"
        yield _none(f"problem-{status}", about, status, good, Content_Type=PROBLEM)
    for status in (200, 201):
        yield _none(f"problem-{status}", "a problem with a status of success", status, genuine, Content_Type=PROBLEM)
    yield _none("problem-202", "a status that the service never gives", 202, genuine, Content_Type=PROBLEM)
    yield _none("json-409", "a problem by its looks, and not by its kind", 409, good, Content_Type=JSON)
    yield _none("json-like-409", "a kind that only begins so", 409, good, Content_Type=f"{PROBLEM}p")
    yield _none("no-kind-409", "a problem of no kind", 409, good)
    for name, about, body in (
        ("cut", "a problem that is cut", good[:-1]),
        ("two", "a problem with something after it", f"{good}x"),
        ("blank", "nothing at all for a problem", ""),
        ("list", "a problem in a list", f"[{good}]"),
        ("string", "a word for a problem", '"genuine"'),
        ("null", "null for a problem", "null"),
        ("no-slug", "a problem without a slug", '{"title": "t", "detail": "d"}'),
        ("slug-number", "a slug that is a number", '{"slug": 7}'),
        ("slug-null", "a slug that is null", '{"slug": null}'),
        ("title-number", "a title that is a number", '{"slug": "call_open", "title": 7}'),
        ("detail-list", "a detail that is a list", '{"slug": "call_open", "detail": []}'),
        ("errors-string", "errors that are no list", '{"slug": "invalid_field", "errors": "/code"}'),
        ("errors-of-words", "errors that are words", '{"slug": "invalid_field", "errors": ["/code"]}'),
        ("refusals-number", "refusals that are no list", '{"slug": "policy_refused", "refusals": 1}'),
        ("acr-values-text", "values that are no list", f'{{"slug": "{STEP_UP}", "acr_values": "phr"}}'),
        ("acr-values-number", "a value that is a number", f'{{"slug": "{STEP_UP}", "acr_values": [2]}}'),
    ):
        yield _none(f"problem-{name}", about, 409, body, Content_Type=PROBLEM)
