"""A rolling restart under load, as for a new version: each node stops and starts in turn, and no caller notices."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tests.faults.balancer import BalancedNodes
from tests.faults.load import Load
from tests.postgres import Postgres

NODES = 3


@pytest.mark.shows("CVP-12-5")
async def test_a_rolling_restart_fails_no_request_and_no_connection(
    tmp_path: Path, session: aiohttp.ClientSession, postgres: Postgres
) -> None:
    async with BalancedNodes(tmp_path, session, postgres.new_database(), NODES, drain_seconds=2) as nodes:
        async with Load(nodes) as load:
            for n in range(NODES):
                await load.wait_for_answers()
                assert await nodes.stop_node(n) == 0
                await load.wait_for_answers()
                await nodes.start_node(n)
            await load.wait_for_answers()
        print(f"\n{nodes.statuses} over {NODES} restarts, {nodes.refused} refused, {len(nodes.cut)} cut")
        assert (nodes.cut, nodes.refused) == ([], 0)
        assert set(nodes.statuses) == {201}
        assert load.refused == {}
        await load.check()
        await nodes.audit()
