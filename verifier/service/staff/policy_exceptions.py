"""Exceptions from the contact policy. An officer asks, a second person decides, and granted exceptions are logged.

Implements specs/protocol.md section 4.2 (law L10).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from verifier.core.application import Officer
from verifier.core.errors import CallClosed, Forbidden, InvalidField, NotFound
from verifier.core.messages.policy_exceptions import (
    DecideException,
    ExceptionRequest,
    ExceptionRequests,
    GrantedException,
    GrantException,
    RequestException,
)
from verifier.core.principal import Principal
from verifier.core.sealing import unseal
from verifier.core.statements import EXCEPTION, PolicyException
from verifier.core.times import DAY_MS, from_ms
from verifier.ledger import records
from verifier.ledger.commands import About, Reply
from verifier.ledger.decrypted import DecryptedApplication
from verifier.ledger.idempotency import Idempotency
from verifier.ledger.read_set import ReadSet
from verifier.ledger.tables import REQUESTS, ExceptionRow, RequestRow
from verifier.ledger.unit_of_work import UnitOfWork
from verifier.ledger.unit_of_work.log_entries import StagedLeaf
from verifier.service.context import Context
from verifier.service.staff.access import check_application
from verifier.service.staff.looks import LookRecords

SHOWN_MS = DAY_MS
_encode = msgspec.json.Encoder().encode


class _Asked(Struct, frozen=True):
    """The sealed part of a request."""

    officer: Officer
    asked: RequestException


_decode = msgspec.json.Decoder(_Asked).decode


class PolicyExceptions:
    """Use cases on exceptions."""

    def __init__(self, context: Context, looks: LookRecords) -> None:
        self._context = context
        self._looks = looks

    async def grant(
        self, supervisor: Principal, application_id: str, asked: GrantException, idempotency: Idempotency
    ) -> Reply[GrantedException]:
        """Grant an exception for one call, as a second person, without a request.

        Raises Forbidden if the supervisor is also the officer of the exception. Raises InvalidField if the officer is
        not assigned to the application. Raises NotFound or Erased.
        """
        _check_second(supervisor, asked.officer_id)

        def decide(work: UnitOfWork) -> About[GrantedException]:
            application = work.applications.get(application_id)
            _assigned(application, asked.officer_id)
            leaf, expires_at = self._grant(work, application, asked, supervisor)
            return About(
                application_id, lambda: GrantedException(leaf.statement_id, from_ms(expires_at), leaf.evidence())
            )

        return await self._context.writer.submit_kept(
            GrantedException, ReadSet(application_id=application_id), decide, idempotency
        )

    async def request(
        self, officer: Principal, application_id: str, asked: RequestException, idempotency: Idempotency
    ) -> Reply[ExceptionRequest]:
        """Ask a second person for an exception, as an assigned officer.

        Raises NotFound if the officer is not assigned to the application, whatever the state of the application.
        """

        def guard(work: UnitOfWork) -> None:
            check_application(work, officer, application_id)

        def decide(work: UnitOfWork) -> About[ExceptionRequest]:
            application = work.applications.get(application_id)
            assigned = application.registration.assigned(officer.id)
            assert assigned is not None  # noqa: S101 - the guard has checked this
            request_id = work.new_id("excr")
            expires_at = work.now_ms + self._context.settings.exception_lifetime_ms
            kept = _Asked(assigned, asked)
            sealed = work.seal(application, request_id, _encode(kept))
            row = RequestRow(request_id, application_id, officer.id, sealed, work.now_ms, expires_at, None, None)
            work.exceptions.put_request(row)
            self._looks.stage(work, officer, "request_exception", (application,))
            return About(application_id, lambda: _view(row, kept, application, None, row.asked_at))

        return await self._context.writer.submit_kept(
            ExceptionRequest, ReadSet(application_id=application_id), decide, idempotency, guard
        )

    async def decide(
        self, supervisor: Principal, request_id: str, asked: DecideException, idempotency: Idempotency
    ) -> Reply[ExceptionRequest]:
        """Grant or decline a request, as a second person.

        Raises Forbidden for supervisors who decide their own request. Raises CallClosed if the request has expired or
        was decided before. Raises InvalidField if the officer is no longer assigned. Raises NotFound or Erased.
        """
        rows = await self._context.storage.fetch_in(records.REQUESTS_BY_ID, [request_id])
        if not rows:
            raise NotFound("there is no such request")
        application_id = self._context.authenticator.read(REQUESTS, rows[0]).application_id

        def decide(work: UnitOfWork) -> About[ExceptionRequest]:
            request = work.exceptions.request(request_id)
            _check_second(supervisor, request.officer_id)
            application = work.applications.get(application_id)
            kept = _decode(unseal(application.keys.sealing, request_id, request.sealed or b""))
            if request.decided_at is not None or work.now_ms >= request.expires_at:
                raise CallClosed("the request has been decided or has expired")
            decided = replace(request, decided_at=work.now_ms)
            if asked.granted:
                _assigned(application, request.officer_id)
                grant = GrantException(request.officer_id, kept.asked.rules, asked.reason)
                leaf, expires_at = self._grant(work, application, grant, supervisor)
                decided = replace(decided, exception_id=leaf.statement_id, expires_at=expires_at)
            work.exceptions.put_request(decided)
            self._looks.stage(work, supervisor, "decide_exception", (application,))
            return About(application_id, lambda: _view(decided, kept, application, None, work.now_ms))

        reads = ReadSet(application_id=application_id, request_id=request_id)
        return await self._context.writer.submit_kept(ExceptionRequest, reads, decide, idempotency)

    async def list(self, caller: Principal) -> ExceptionRequests:
        """The requests of the last day. Supervisors get all requests. Officers get only their own requests."""
        context = self._context
        now_ms = context.clock()
        everybody = "supervisor" in caller.roles
        officer_id = "" if everybody else caller.id
        rows = await context.storage.fetch(records.REQUESTS_SINCE, now_ms - SHOWN_MS, officer_id)
        applications = await context.reading.applications({row[1] for row in rows})
        requests = []
        shown = []
        for each in rows:
            row, call_id = context.authenticator.read(REQUESTS, each), each[-1]
            application = applications.get(row.application_id)
            if application is None or row.sealed is None:
                continue
            if everybody or application.registration.assigned(caller.id) is not None:
                kept = _decode(unseal(application.keys.sealing, row.request_id, row.sealed))
                requests.append(_view(row, kept, application, call_id, now_ms))
                shown.append(application)
        await self._looks.record_polled(caller, "list_exception_requests", shown)
        return ExceptionRequests(tuple(requests))

    def _grant(
        self, work: UnitOfWork, application: DecryptedApplication, asked: GrantException, supervisor: Principal
    ) -> tuple[StagedLeaf, int]:
        settings = self._context.settings
        exception_id = work.new_id("exc")
        expires_at = work.now_ms + settings.exception_lifetime_ms
        rules = tuple(sorted(set(asked.rules)))
        claims = PolicyException(
            iss=settings.issuer,
            jti=exception_id,
            iat=work.now_ms // 1000,
            exp=expires_at // 1000,
            application=application.pseudonym,
            officer_id=asked.officer_id,
            granted_by=supervisor.id,
            rules=rules,
            reason=asked.reason,
            salt=work.new_salt(),
        )
        leaf = work.log.append(EXCEPTION, exception_id, claims, application)
        work.exceptions.put(
            ExceptionRow(
                exception_id=exception_id,
                application_id=application.application_id,
                officer_id=asked.officer_id,
                granted_by=supervisor.id,
                rules=" ".join(rules),
                expires_at=expires_at,
                call_id=None,
            )
        )
        return leaf, expires_at


def _check_second(supervisor: Principal, officer_id: str) -> None:
    if supervisor.id == officer_id:
        raise Forbidden("an exception needs a second person")


def _assigned(application: DecryptedApplication, officer_id: str) -> None:
    if application.registration.assigned(officer_id) is None:
        raise InvalidField.at("/officer_id", "the officer is not assigned to this application")


def _view(
    row: RequestRow, kept: _Asked, application: DecryptedApplication, call_id: str | None, now_ms: int
) -> ExceptionRequest:
    over = now_ms >= row.expires_at
    if row.decided_at is None:
        state = "expired" if over else "waiting"
    elif row.exception_id is None:
        state = "declined"
    else:
        state = "used" if call_id is not None else "expired" if over else "granted"
    contact = application.contact_of_number(kept.asked.number)
    return ExceptionRequest(
        request_id=row.request_id,
        application_id=row.application_id,
        customer_name=application.registration.owner.name if contact is None else contact.name,
        officer=kept.officer,
        purpose=kept.asked.purpose,
        number=kept.asked.number,
        rules=kept.asked.rules,
        reason=kept.asked.reason,
        asked_at=from_ms(row.asked_at),
        expires_at=from_ms(row.expires_at),
        state=state,  # type: ignore[arg-type]
        exception_id=row.exception_id,
    )
