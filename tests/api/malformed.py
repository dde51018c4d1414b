"""Requests that the server refuses before any operation runs. Each carries markers that must not reach a log."""

from __future__ import annotations

import asyncio
import gzip

TOKEN, PHONE, MARK = "eyJmarkedtoken", "13987654321", "markedbytes"
MARKS = (TOKEN, PHONE, MARK)
FORM = "application/x-www-form-urlencoded"
BOMB = gzip.compress(b"0" * 20_000_000)


def head(line: str, *headers: str, host: bool = True) -> bytes:
    """The request line and headers, encoded in Latin-1 so that a test can send bytes beyond ASCII."""
    sent = [line, *(["Host: bank"] if host else []), f"Authorization: Bearer {TOKEN}", *headers, "Connection: close"]
    return "\r\n".join([*sent, "", ""]).encode("latin-1")


def body(path: str, content: bytes, *headers: str) -> bytes:
    return head(f"POST {path} HTTP/1.1", f"Content-Length: {len(content)}", *headers) + content


JSON = "Content-Type: application/json"
SECRET = f"?phone={PHONE}"

# Name: the bytes to send, and the expected status and slug.
REFUSED: dict[str, tuple[bytes, int, str]] = {
    "no request at all": (f"{MARK} {TOKEN}\r\n\r\n".encode(), 400, "malformed_request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + MARK.encode(), 400, "malformed_request"),
    "an unknown version": (head(f"GET /{MARK} HTTP/9.9"), 400, "malformed_request"),
    "HTTP/2": (f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{MARK}".encode(), 400, "malformed_request"),
    "a header without a colon": (head("GET / HTTP/1.1", f"X {MARK}"), 400, "malformed_request"),
    "a header with a NUL": (head("GET / HTTP/1.1", f"X-Mark: {MARK}\0"), 400, "malformed_request"),
    "a folded header": (head("GET / HTTP/1.1", f"X-Mark: a\r\n {MARK}"), 400, "malformed_request"),
    "a header with a space before the colon": (head("GET / HTTP/1.1", f"X-Mark : {MARK}"), 400, "malformed_request"),
    "too many headers": (head("GET / HTTP/1.1", *[f"X-{n}: {MARK}" for n in range(200)]), 400, "malformed_request"),
    "a header value that is too large": (head("GET / HTTP/1.1", f"X-Mark: {MARK * 1000}"), 431, "header_too_large"),
    "a header name that is too large": (head("GET / HTTP/1.1", f"{MARK * 1000}: x"), 431, "header_too_large"),
    "a target that is too long": (head(f"GET /{MARK * 1000} HTTP/1.1"), 414, "uri_too_long"),
    "a query that is too long": (head(f"GET /x?phone={PHONE * 1000} HTTP/1.1"), 414, "uri_too_long"),
    "a target with raw bytes": (head(f"GET /{MARK}\xff\xfe{SECRET} HTTP/1.1"), 400, "malformed_request"),
    "an absolute target with a bad port": (head(f"GET http://{MARK}:99999/ HTTP/1.1"), 400, "malformed_request"),
    "no host": (head(f"GET /docs{SECRET} HTTP/1.1", host=False), 400, "malformed_request"),
    "two hosts": (head("GET /docs HTTP/1.1", f"Host: {MARK}"), 400, "malformed_request"),
    "two lengths": (body("/v1/reports", b"{}", "Content-Length: 7"), 400, "malformed_request"),
    "a negative length": (head("POST /v1/reports HTTP/1.1", "Content-Length: -1"), 400, "malformed_request"),
    "a length and chunks": (body("/v1/reports", b"0\r\n\r\n", "Transfer-Encoding: chunked"), 400, "malformed_request"),
    "malformed chunks": (
        head("POST /v1/reports HTTP/1.1", JSON, "Transfer-Encoding: chunked") + f"ZZ\r\n{MARK}\r\n".encode(),
        400,
        "malformed_request",
    ),
    "an expectation": (head(f"GET /docs{SECRET} HTTP/1.1", f"Expect: {MARK}"), 400, "malformed_request"),
    "an expectation with raw bytes": (head(f"GET /docs{SECRET} HTTP/1.1", "Expect: \xff"), 400, "malformed_request"),
    "an expectation sent to an operation": (body("/v1/reports", b"{}", f"Expect: {MARK}"), 400, "malformed_request"),
    "a path with a NUL": (head(f"GET /officer/%00{SECRET} HTTP/1.1"), 404, "not_found"),
    "a path that leaves its folder": (head(f"GET /officer/..%2f..%2fetc%2fpasswd{SECRET} HTTP/1.1"), 404, "not_found"),
    "a path that is not UTF-8": (head(f"GET /app/%ff%fe{SECRET} HTTP/1.1"), 404, "not_found"),
    "a CONNECT tunnel": (head("CONNECT bank:443 HTTP/1.1"), 404, "not_found"),
    "OPTIONS *": (head("OPTIONS * HTTP/1.1"), 404, "not_found"),
    "a preflight": (head("OPTIONS /v1/confirmations HTTP/1.1", "Origin: https://x"), 405, "method_not_allowed"),
    "an upgrade": (
        head(f"GET /v1/{MARK}{SECRET} HTTP/1.1", "Upgrade: websocket").replace(b"close", b"Upgrade") + MARK.encode(),
        404,
        "not_found",
    ),
    "a page that does not exist": (head(f"GET /officer/{MARK}{SECRET} HTTP/1.1", "Range: bytes=x"), 404, "not_found"),
    "a method that the path does not have": (
        head(f"DELETE /v1/confirmations{SECRET} HTTP/1.1"),
        405,
        "method_not_allowed",
    ),
    "a page requested by POST": (body("/officer/", b"x"), 404, "not_found"),
    "an encoded body": (body("/v1/reports", b"{}", JSON, "Content-Encoding: gzip"), 415, "unsupported_media_type"),
    "a bomb": (body("/v1/reports", BOMB, JSON, "Content-Encoding: gzip"), 415, "unsupported_media_type"),
    "a body with identity encoding": (
        body("/v1/reports", b"{}", JSON, "Content-Encoding: identity"),
        415,
        "unsupported_media_type",
    ),
    "a content type with raw bytes": (
        body("/v1/reports", b"{}", "Content-Type: \xff\xfe"),
        415,
        "unsupported_media_type",
    ),
    "a form whose charset is raw bytes": (
        body("/voice/twiml", b"a=1", f"Content-Type: {FORM}; charset=\xff", "X-Twilio-Signature: x"),
        415,
        "unsupported_media_type",
    ),
    "a token with raw bytes": (
        head(f"GET /v1/me/calls{SECRET} HTTP/1.1", "X-Request-ID: \xff").replace(TOKEN.encode(), b"\xff\xfe"),
        401,
        "unauthenticated",
    ),
    "a signature with raw bytes": (
        head("GET /v1/me/calls HTTP/1.1", f"Signature-Input: \xff{MARK}", "Signature: \xff").replace(
            f"Authorization: Bearer {TOKEN}".encode(), b"X: x"
        ),
        401,
        "unauthenticated",
    ),
    "a form with a bomb": (
        body("/voice/voicexml", BOMB, f"Content-Type: {FORM}", "Content-Encoding: gzip"),
        403,
        "forbidden",
    ),
    "a form with a bomb and a signature": (
        body("/voice/twiml", BOMB, f"Content-Type: {FORM}", "Content-Encoding: gzip", "X-Twilio-Signature: x"),
        415,
        "unsupported_media_type",
    ),
    "a form in another charset": (
        body("/voice/twiml", f"From={PHONE}".encode(), f"Content-Type: {FORM}; charset=bogus", "X-Twilio-Signature: x"),
        415,
        "unsupported_media_type",
    ),
    "a multipart form without a boundary": (
        body("/voice/twiml", MARK.encode(), "Content-Type: multipart/form-data", "X-Twilio-Signature: x"),
        415,
        "unsupported_media_type",
    ),
    "a form that is not UTF-8": (
        body("/voice/twiml", f"{MARK}=%ff".encode(), f"Content-Type: {FORM}", "X-Twilio-Signature: \xff"),
        400,
        "malformed_request",
    ),
    "a form whose signature is raw bytes": (
        body("/voice/twiml", f"From=%2B{PHONE}".encode(), f"Content-Type: {FORM}", "X-Twilio-Signature: \xff"),
        403,
        "forbidden",
    ),
    "a password with raw bytes": (
        body("/voice/voicexml", f"caller={PHONE}".encode(), f"Content-Type: {FORM}").replace(b"Bearer", b"Basic \xff"),
        403,
        "forbidden",
    ),
}


async def answered(port: int, *parts: bytes, wait_s: float = 10) -> bytes:
    """Send the parts one by one, and return everything received until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(wait_s):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.05 if len(parts) > 1 else 0)
            return await reader.read()
    finally:
        writer.close()
