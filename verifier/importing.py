"""Registering a whole export through the service, many rows at once. Carries out specs/protocol.md section 3.1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from verifier.core.errors import VerifierError
from verifier.exports import Bad, Good, read_export
from verifier.service import Service

AT_ONCE = 64


async def import_export(
    service: Service, path: Path, region: str = "CN", progress: Callable[[int], None] = lambda octets: None
) -> tuple[int, list[tuple[int, str]]]:
    """Register every good row; return how many, and (line, reason) of every bad one.

    `progress` is told bytes done, out of the file's size. Raises UnreadableExport, and Unavailable when the
    database is gone: what was registered until then stays, and running again is safe.
    """
    good = 0
    bad: list[tuple[int, str]] = []
    waiting: list[Good] = []
    size, lines = path.stat().st_size, _count_lines(path)
    done = 0

    async def flush() -> None:
        nonlocal good
        # One application given twice must end as its last row says, so its rows do not run side by side.
        rows = {row.application_id: row for row in waiting}
        results = await asyncio.gather(*(_register(service, row) for row in rows.values()))
        good += sum(result is None for result in results)
        bad.extend(result for result in results if result is not None)
        waiting.clear()

    for row in read_export(path, region):
        if isinstance(row, Bad):
            bad.append((row.line, row.reason))
        else:
            waiting.append(row)
        if len(waiting) >= AT_ONCE:
            await flush()
        reached = size * row.line // max(lines, 1)
        progress(reached - done)
        done = reached
    await flush()
    progress(size - done)
    return good, sorted(bad)


async def _register(service: Service, row: Good) -> tuple[int, str] | None:
    try:
        await service.applications.register(row.application_id, row.registration)
    except VerifierError as error:
        if error.slug == "unavailable":
            raise
        return row.line, error.detail
    return None


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
