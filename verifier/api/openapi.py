"""Generates the OpenAPI 3.1 description from the table of operations. A test compares it with `specs/openapi.yaml`."""

from __future__ import annotations

import re

import msgspec

from verifier import __version__
from verifier.api import headers, routes
from verifier.api.operations import Operation
from verifier.api.problems import CONTENT_TYPE, Problem, status_of
from verifier.api.throttle import SLIPS, Throttle
from verifier.core import errors
from verifier.core.errors import VerifierError

_TITLE = "Callback verification"
_SECURITY = {
    "customer": "customer",
    "staff": "staff",
    "system": "system",
}


def document(operations: tuple[Operation, ...]) -> dict[str, object]:
    """Build the OpenAPI description of these operations. It consists of dicts, lists and plain values."""
    shapes = [each for op in operations for each in (op.body, op.answer) if each is not None]
    _, components = msgspec.json.schema_components([*shapes, Problem], ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, object]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _TITLE,
            "version": __version__,
            "description": "Before sharing anything, a customer learns that the officer on the phone is genuine.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": _ecma(dict(sorted(components.items()))), "securitySchemes": _security_schemes()},
    }


def text() -> str:
    """The text of specs/openapi.yaml: formatted JSON, which is also YAML."""
    table = routes.operations(None, Throttle("slips", SLIPS, lambda: 0))  # type: ignore[arg-type]
    content = msgspec.json.format(msgspec.json.encode(document(table)), indent=2).decode()
    return f"# Made from the code by `verifier openapi`; a test finds drift.\n{content}\n"


def _operation(operation: Operation) -> dict[str, object]:
    described: dict[str, object] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": _parameters(operation),
        "responses": _responses(operation),
        "security": [{_SECURITY[name]: []} for name in dict.fromkeys(each.split(":")[0] for each in operation.who)],
    }
    if operation.who:
        described["description"] = "For: " + ", ".join(operation.who) + "."
    if operation.step_up:
        described["description"] = f"{described['description']} Staff may need a stronger sign-in (RFC 9470)."
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(operation.body)}},
        }
    return described


def _parameters(operation: Operation) -> list[dict[str, object]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, object]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _schema(operation.path_types[name]) if name in operation.path_types else {"type": "string"},
        }
        for name in names
    ]
    if operation.query is not None and issubclass(operation.query, msgspec.Struct):
        for each in msgspec.structs.fields(operation.query):
            schema = _schema(each.type)
            parameters.append({"name": each.name, "in": "query", "required": each.required, "schema": schema})
    if operation.idempotent_key:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "The same key with the same request gives the same answer for a day. Bare or in quotes.",
                "schema": {"type": "string", "pattern": headers.IDEMPOTENCY_KEY},
            }
        )
    return parameters


def _responses(operation: Operation) -> dict[str, object]:
    content: dict[str, object] = {"schema": {"type": "string"}}
    if operation.answer is not None and operation.content_type == "application/json":
        content = {"schema": _reference(operation.answer)}
    elif operation.content_type == "application/octet-stream":
        content = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
    responses: dict[str, object] = {
        str(operation.status): {"description": operation.summary, "content": {operation.content_type: content}}
    }
    by_status: dict[int, list[str]] = {}
    for kind in raised(operation):
        slugs = by_status.setdefault(status_of(kind), [])
        if kind.slug not in slugs:
            slugs.append(kind.slug)
    for status, slugs in sorted(by_status.items()):
        described: dict[str, object] = {
            "description": ", ".join(slugs),
            "content": {CONTENT_TYPE: {"schema": _reference(Problem)}},
        }
        if status == 401:
            described["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
        if status in (429, 503):
            described["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
        responses[str(status)] = described
    return responses


def raised(operation: Operation) -> list[type[VerifierError]]:
    """Every error that an operation may answer with: its own errors and the common errors."""
    kinds: list[type[VerifierError]] = [errors.MalformedRequest, *operation.raises]
    kinds += [errors.BodyTooLarge, errors.UriTooLong, errors.UnsupportedMediaType, errors.HeaderTooLarge]
    if operation.path_types or operation.body is not None or operation.query is not None:
        kinds.append(errors.InvalidField)
    if operation.who:
        kinds += [errors.Unauthenticated, errors.Forbidden, errors.RateLimited]
    if operation.step_up:
        kinds.append(errors.InsufficientUserAuthentication)
    if any(each.startswith("staff:") for each in operation.who):
        kinds.append(errors.Suspended)
    if operation.idempotent_key:
        kinds += [errors.IdempotencyKeyMissing, errors.IdempotencyKeyReused]
    return [*kinds, errors.InternalError, errors.Unavailable]


def _schema(kind: object) -> object:
    return _ecma(msgspec.json.schema(kind))


def _ecma(schema: object) -> object:
    """Replace `\\Z` at the end of each pattern with `$`. In ECMA-262, `$` means what `\\Z` means in Python."""
    if isinstance(schema, list):
        return [_ecma(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: re.sub(r"\\Z$", "$", value) if name == "pattern" and isinstance(value, str) else _ecma(value)
        for name, value in schema.items()
    }


def _reference(kind: type) -> dict[str, object]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _security_schemes() -> dict[str, object]:
    return {
        "customer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The bank's customers."},
        "staff": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The bank's staff."},
        "system": {
            "type": "apiKey",
            "in": "header",
            "name": "Signature-Input",
            "description": "RFC 9421 signature (Ed25519) over @method, @target-uri, content-digest and "
            "idempotency-key, with created, keyid and tag=callback-verification.",
        },
    }
