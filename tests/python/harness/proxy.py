"""A TCP relay in front of the server's signalling, so that a test can cut it. Media goes past it, by UDP."""

import asyncio
import contextlib


class Proxy:
    def __init__(self, port: int):
        self.target = port
        self.port = 0
        self.accepting = True
        self.connections = 0
        """Accepted since the start."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> "Proxy":
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.accepting:
            writer.transport.abort()
            return
        self.connections += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        self._writers -= {writer, back}

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(ConnectionError, RuntimeError):
            writer.close()

    def cut(self) -> int:
        """Resets every connection, without a goodbye; says how many ends there were."""
        ends = list(self._writers)
        for writer in ends:
            writer.transport.abort()
        return len(ends)

    async def close(self) -> None:
        self._server.close()
        self.cut()
