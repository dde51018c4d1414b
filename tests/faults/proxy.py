"""A TCP proxy that a test can cut. Data in flight is then lost, as if a cable had been pulled."""

from __future__ import annotations

import asyncio

from tests.postgres import free_port


class Proxy:
    """Forwards `port` to another port of this machine. Forwards nothing while it is cut."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._whole = asyncio.Event()
        self._whole.set()
        self._delay_s = 0.0
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, limit=1 << 20)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for each in self._ways:
            each.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)

    def cut(self) -> None:
        """Forward nothing from now on, without closing any connection."""
        self._whole.clear()

    def heal(self) -> None:
        """Forward new connections again. Old ones are reset, since their data is lost."""
        for each in self._ways:
            each.cancel()
        self._whole.set()

    def slow(self, delay_s: float) -> None:
        """Delay each piece of data by that much."""
        self._delay_s = delay_s

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._ways.add(task)
        try:
            await self._whole.wait()
            there = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(reader, there[1]))
                    group.create_task(self._pass(there[0], writer))
            finally:
                there[1].transport.abort()
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            self._ways.discard(task)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            if not self._whole.is_set():
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # one end is closed, so close the other
