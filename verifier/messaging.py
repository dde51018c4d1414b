"""Sends receipts to the bank's own messaging over HTTP. Implements specs/protocol.md section 7.11."""

from __future__ import annotations

import aiohttp
import msgspec
import structlog

from verifier.service.notifications.outbox import ReceiptMessage

log = structlog.get_logger()

TIMEOUT_S = 5


class HttpMessaging:
    """POSTs each message as JSON with a bearer token. Any 2xx status means that the message was accepted."""

    def __init__(self, url: str, token: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._token = token
        self._session = session

    async def hand(self, message: ReceiptMessage) -> bool:
        """Send one message. Returns whether the bank's messaging accepted it."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": message.message_id,
        }
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.post(
                self._url, data=msgspec.json.encode(message), headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                accepted = 200 <= answer.status < 300
                reason = str(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            accepted, reason = False, type(error).__name__
        if not accepted:
            log.warning("the messaging did not accept a receipt", id=message.message_id, reason=reason)
        return accepted
