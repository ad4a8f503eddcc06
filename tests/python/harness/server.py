"""A server of the test's own, on loopback, on ports that the system picks, with an empty data directory."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

import aiohttp
from livekit import api

ROOT = Path(__file__).resolve().parents[3]
OUT = ROOT / "tests" / "out" / "python"
KEY, SECRET = "devkey", "secret"


def binary() -> str:
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    path = ROOT / os.environ.get("CHEVET_BIN", target / "debug" / "chevet")
    assert path.exists(), f"no server to test: build one, or set CHEVET_BIN ({path})"
    return str(path.resolve())


def spread() -> dict[str, str]:
    """TEST_SPREAD=2: every room on so many workers, whose members take turns between them."""
    workers = os.environ.get("TEST_SPREAD")
    return {"CHEVET_RTC__WORKERS": workers, "CHEVET_RTC__ROOM_SPREAD": "1"} if workers else {}


class Server:
    def __init__(self, name: str, env: dict[str, str] | None = None):
        OUT.mkdir(parents=True, exist_ok=True)
        self.log = OUT / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.server.log"
        self.log.write_text("")
        self.data = tempfile.mkdtemp(prefix="chevet-test-")
        self.env = env or {}
        self.host = self.env.get("CHEVET_SERVER__BIND", "127.0.0.1")
        self.port = 0
        self.process: subprocess.Popen | None = None

    async def start(self) -> "Server":
        # Our own variables are not the server's settings, and it refuses names that it does not know.
        env = {name: value for name, value in os.environ.items() if not name.startswith("CHEVET_")}
        env |= {
            "CHEVET_SERVER__PORT": str(self.port),
            "CHEVET_SERVER__DATA_DIR": self.data,
            "CHEVET_RTC__BIND": "127.0.0.1",
            "CHEVET_RTC__UDP_PORT": "0",
            "CHEVET_RTC__TCP_PORT": "off",
            "CHEVET_LOGGING__LEVEL": "debug",
        } | spread() | self.env
        before = self.log.stat().st_size
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [binary(), "serve", "--dev"], cwd=self.data, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        await until("the server says where it listens", lambda: self._listening(before), why=self.tail)
        async with aiohttp.ClientSession() as http:
            await until("the server is ready", lambda: self._ready(http), why=self.tail)
        return self

    def _listening(self, before: int) -> bool:
        assert self.alive(), f"it ended at once\n{self.tail()}"
        said = re.search(rb"listening on http://[^\s]*:(\d+)", self.log.read_bytes()[before:])
        self.port = int(said.group(1)) if said else self.port
        return said is not None

    async def _ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"{self.http}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is None:
            return
        if self.alive():
            self.process.send_signal(how)
            try:
                await asyncio.to_thread(self.process.wait, 20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the server did not stop when asked\n{self.tail()}") from None
        self.process = None

    async def close(self) -> None:
        try:
            await self.stop()
        finally:
            shutil.rmtree(self.data, ignore_errors=True)

    @property
    def http(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://{self.host}:{self.port}"

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-40:]
        return "\n".join([f"--- {self.log}", *lines])

    async def metrics(self) -> dict[str, float]:
        """Counters by name with labels, as /metrics writes them."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.http}/metrics") as answer:
            text = await answer.text()
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in lines}


def token(room: str, identity: str, *, ttl: timedelta = timedelta(hours=1), secret: str = SECRET, **grants) -> str:
    """A token to join with; `grants` are fields of VideoGrants, or `metadata`, `attributes` and `name`."""
    jwt = api.AccessToken(KEY, secret).with_identity(identity).with_ttl(ttl)
    jwt = jwt.with_name(grants.pop("name", ""))
    jwt = jwt.with_metadata(grants.pop("metadata", ""))
    jwt = jwt.with_attributes(grants.pop("attributes", {}))
    grants = {"can_update_own_metadata": True} | grants
    return jwt.with_grants(api.VideoGrants(room_join=True, room=room, **grants)).to_jwt()


async def until(what: str, condition, *, deadline: float = 30.0, every: float = 0.05, why=None):
    """Waits until `condition()` (which may be a coroutine) is true, and returns what it said."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    while True:
        said = condition()
        said = await said if asyncio.iscoroutine(said) else said
        if said:
            return said
        if loop.time() > end:
            raise AssertionError(f"waited {deadline:.0f} s in vain until {what}\n{why() if why else ''}")
        await asyncio.sleep(every)
