"""The server is killed in the middle of its work, again and again. What it answered is still true, and nobody is written to
twice."""

import asyncio
import hashlib
import itertools
import os
import random
import signal
import subprocess
from collections import Counter, defaultdict
from datetime import datetime, timezone

import aiohttp
import pytest_asyncio
from aiohttp import web
from harness.clinic import PARIS, PATIENT, SETTINGS, Clinic, in_paris, mobile
from harness.server import Server, binary, until
from test_guide_call import a_pdf

SEED = int(os.environ.get("KILL_SEED", "20261126"))
# How often each comes, of a hundred.
OPERATIONS = {
    "immediate": 22, "planned": 20, "now": 15, "move": 11, "cancel": 8, "write": 10, "hand_over": 8, "lock": 6,
}  # fmt: skip
COUNT = 200
WORKERS = 4
# Requests that a server takes before it is killed: counted, for a fast machine would be done before a clock struck.
LIFE = (10, 30)
# Seconds from the last of these to the kill: somewhere between its arrival and its answer.
LATER = (0.0, 0.03)


@pytest_asyncio.fixture
async def gateway():
    """A gateway for short messages that outlives the server: its address, and what came, by the sender's key."""
    came: dict[str, list[dict]] = defaultdict(list)

    async def take(request: web.Request) -> web.Response:
        body = await request.json()
        came[request.headers["Idempotency-Key"]].append(body)
        # Long enough for a kill to fall between a message that was taken and the note of it.
        await asyncio.sleep(0.02)
        return web.json_response({"id": body["reference"]})

    app = web.Application()
    app.router.add_post("/messages", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/messages", came
    await runner.cleanup()


@pytest_asyncio.fixture
async def clinic(gateway):
    env = SETTINGS | {
        "CHEVET_CLINIC__SMS__GATEWAY": "http",
        "CHEVET_CLINIC__SMS__URL": gateway[0],
        "CHEVET_CLINIC__SMS__SENDER": "Chevet",
        "CHEVET_CLINIC__SMS__SECRET": "bonjour-passerelle",
        "CHEVET_CLINIC__SMS__RECEIPTS_SECRET": "bonjour-accuses",
        "CHEVET_CLINIC__SMS__PER_PROFESSIONAL": "10000",
    }
    server = Server("clinic-kill", env)
    clinic = Clinic(await server.start())
    try:
        yield clinic
    finally:
        await clinic.close()
        await server.close()


class One:
    """A consultation, and what the server said of it."""

    def __init__(self, kind: str, number: str):
        self.kind, self.number, self.id = kind, number, ""
        self.start = self.reason = None
        # Files that were handed over, by where they are.
        self.files: dict[str, bytes] = {}
        self.cancelled = self.waits = False
        self.letters = 1

    @property
    def path(self) -> str:
        return f"/api/v1/consultations/{self.id}"


class Story:
    def __init__(self, clinic: Clinic, doctor):
        self.clinic, self.doctor, self.dice = clinic, doctor, random.Random(SEED)
        self.all: list[One] = []
        self.idle: list[One] = []
        self.up = asyncio.Event()
        self.up.set()
        self.left = COUNT
        self.done: Counter = Counter()
        self.cut = self.kills = 0
        self.life = self.dice.randint(*LIFE)
        self.due = asyncio.Event()
        self.keys = itertools.count(1)

    async def call(self, method: str, path: str, body=None, key: str = "", **headers):
        """Asks until there is an answer. With one key for all tries; `None`: cut off, ask anew if it matters."""
        await self.up.wait()
        self.life -= 1
        if self.life <= 0:
            self.due.set()
        try:
            headers["Idempotency_Key"] = key or f"look-{next(self.keys)}"
            return await self.doctor.call(method, path, body, **headers)
        except (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError):
            self.cut += 1
            # Until the killer has noticed, too.
            await asyncio.sleep(0.05)
            return None

    async def sure(self, method: str, path: str, body=None, expect=(200, 201, 204), **headers):
        key = f"op-{SEED}-{next(self.keys)}"
        while (answer := await self.call(method, path, body, key, **headers)) is None:
            pass
        assert answer.status in expect, f"{method} {path} {answer.status} {answer.bytes[:300]}"
        return answer

    async def create(self, kind: str) -> None:
        typed, number = mobile()
        one = One(kind, number)
        body = {"kind": "immediate", "phone": typed}
        if kind != "immediate":
            body = {"kind": "dossier", "patient": PATIENT, "contacts": [{"channel": "sms", "phone": typed}]}
            if kind == "planned":
                one.start = in_paris(self.dice.randint(3, 300) * 24 * 60)
                body["slot"] = {"start": one.start, "duration_minutes": 20}
            else:
                body["now"] = True
        one.id = (await self.sure("POST", "/api/v1/consultations", body)).json["id"]
        self.all.append(one)
        self.idle.append(one)

    async def move(self, one: One) -> None:
        start = in_paris(self.dice.randint(3, 300) * 24 * 60)
        body = {"slot": {"start": start, "duration_minutes": 20}}
        while (answer := await self.call("PATCH", one.path, body)) is None:
            # Did it take? Only then is it not asked for again: a slot that moves twice is told twice.
            if (await self.sure("GET", one.path)).json["sequence"] > one.letters - 1:
                break
        assert answer is None or answer.status == 200, answer.bytes
        one.start, one.letters = start, one.letters + 1

    async def cancel(self, one: One) -> None:
        while (answer := await self.call("POST", f"{one.path}/cancel", {"reason": "essai"})) is None:
            if (await self.sure("GET", one.path)).json["status"] == "cancelled":
                break
        assert answer is None or answer.status == 200, answer.bytes
        one.cancelled, one.letters = True, one.letters + 1

    async def write(self, one: One) -> None:
        reason = f"Motif {self.dice.randrange(10**9)}"
        await self.sure("PUT", f"{one.path}/form", {"answers": {"reason": reason}})
        one.reason = reason

    async def hand_over(self, one: One) -> None:
        file = a_pdf(f"{self.dice.randrange(10**9)} " * 9000)
        new = {"name": "Ordonnance.pdf", "size": len(file), "sha256": hashlib.sha256(file).hexdigest(), "category": "other"}
        folder = f"{one.path}/documents"
        begun = (await self.sure("POST", folder, new)).json
        path = f"{folder}/{begun['document']['id']}"
        # In two pieces, each kept for itself.
        for first, last in [(0, 65_535), (65_536, len(file) - 1)]:
            span = f"bytes {first}-{last}/{len(file)}"
            await self.sure("PUT", f"{path}/upload", file[first : last + 1], Content_Range=span)
        while (answer := await self.call("POST", f"{path}/complete")) is None:
            if (await self.sure("GET", path)).json["state"] == "available":
                break
        assert answer is None or answer.status == 200, answer.bytes
        one.files[path] = file

    async def lock(self, one: One) -> None:
        await self.sure("PUT", f"{one.path}/lock", {"locked": True})
        one.waits = True

    async def step(self) -> None:
        kind = self.dice.choices(list(OPERATIONS), list(OPERATIONS.values()))[0]
        fits = {
            "move": lambda one: one.kind == "planned" and not one.cancelled,
            "cancel": lambda one: not one.cancelled,
            "write": lambda one: one.kind == "now" and not one.cancelled,
            "hand_over": lambda one: one.kind == "now" and not one.cancelled,
            "lock": lambda one: one.kind == "immediate" and not one.cancelled,
        }
        able = [one for one in self.idle if kind in fits and fits[kind](one)]
        if kind in fits and not able:
            kind = "planned"
        self.done[kind] += 1
        if kind not in fits:
            return await self.create(kind)
        one = self.dice.choice(able)
        # One thing at a time for each: then it is known what has to be there in the end.
        self.idle.remove(one)
        await getattr(self, kind)(one)
        self.idle.append(one)

    async def work(self) -> None:
        while self.left > 0:
            self.left -= 1
            await self.step()

    async def kill(self) -> None:
        while True:
            await self.due.wait()
            await asyncio.sleep(self.dice.uniform(*LATER))
            self.up.clear()
            await self.clinic.server.stop(signal.SIGKILL)
            self.kills += 1
            await self.clinic.server.start()
            self.life = self.dice.randint(*LIFE)
            self.due.clear()
            self.up.set()


def verified(data: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHEVET_")}
    done = subprocess.run(
        [binary(), "audit", "verify"], env=env | {"CHEVET_SERVER__DATA_DIR": data}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_what_was_answered_survives_every_kill_and_nobody_is_written_to_twice(clinic, gateway):
    doctor = await clinic.professional("tuee@cabinet.example")
    # Its window opens while servers die: a timer has to see to it.
    typed, timed_number = mobile()
    slot = {"start": in_paris(10.3), "duration_minutes": 20}
    timed = await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}], slot=slot)
    assert timed["status"] == "scheduled"
    story = Story(clinic, doctor)
    killer = asyncio.create_task(story.kill())
    await asyncio.gather(*(story.work() for _ in range(WORKERS)))
    if story.due.is_set():
        # It is at its work: what it kills, it starts again.
        await story.up.wait()
        while story.due.is_set():
            await asyncio.sleep(0.05)
    killer.cancel()
    # Once more, with everything done.
    await clinic.server.stop(signal.SIGKILL)
    await clinic.server.start()
    what = f"seed {SEED}: {dict(story.done)}, {story.kills + 1} kills, {story.cut} requests cut off"
    print(what)
    assert sum(story.done.values()) == COUNT and story.kills >= 5 and story.cut >= 5, what

    for one in story.all:
        seen = await doctor.get(one.path)
        if one.cancelled:
            assert seen["status"] == "cancelled", one.path
        else:
            assert seen["status"] == ("scheduled" if one.kind == "planned" else "open"), one.path
        if one.start:
            assert seen["slot"]["start"] == as_utc(one.start), one.path
        if one.waits:
            assert seen["locked"] is True
        if one.cancelled:
            continue
        for path, file in one.files.items():
            kept = await doctor.call("GET", f"{path}/content")
            assert kept.status == 200 and kept.bytes == file, path
        if one.reason:
            assert (await doctor.get(f"{one.path}/form"))["answers"]["reason"] == one.reason

    # Requests that were repeated with their key made one consultation, and none is there that nobody asked for.
    ids: list[str] = []
    for view in ["agenda", "done"]:
        cursor = ""
        while True:
            page = await doctor.get(f"/api/v1/consultations?view={view}&limit=100{cursor}")
            ids += [item["id"] for item in page["items"]]
            if not page.get("next"):
                break
            cursor = f"&cursor={page['next']}"
    assert Counter(ids) == Counter([one.id for one in story.all] + [timed["id"]]), what

    async def opened():
        return await clinic.status(doctor, timed["id"]) == "open"

    await until("a timer of before the kills runs", opened, deadline=60, every=0.5, why=clinic.server.tail)

    _, came = gateway

    async def all_sent():
        quiet = []
        for one in story.all:
            states = [found["status"] for found in (await doctor.get(f"{one.path}/invitations"))["items"]]
            quiet += [state for state in states if state in ("queued", "sending")]
        return not quiet

    await until("every message has ended", all_sent, deadline=60, every=1, why=clinic.server.tail)
    letters: dict[str, set[str]] = defaultdict(set)
    for key, tries in came.items():
        # A try whose outcome a kill swallowed is made again under its key, by which the gateway knows it: one message.
        assert len({(one["to"], one["text"], one["reference"]) for one in tries}) == 1, f"{what}\n{tries}"
        assert len(tries) <= story.kills + 2, tries
        letters[tries[0]["to"]].add(key)
    repeated = sum(len(tries) > 1 for tries in came.values())
    print(f"{len(came)} messages, {repeated} of them tried again")
    assert repeated <= (story.kills + 1) * 20, "tries are repeated after kills only"
    assert set(letters) <= {one.number for one in story.all} | {timed_number}
    assert timed_number in letters
    for one in story.all:
        # A message that a later one made needless before it was sent is not sent; both, when that one is the cancellation.
        assert (0 if one.cancelled else 1) <= len(letters[one.number]) <= one.letters, (one.path, what)
        if not letters[one.number]:
            states = [found["status"] for found in (await doctor.get(f"{one.path}/invitations"))["items"]]
            assert set(states) <= {"cancelled", "revoked"}, (one.path, states, what)
        texts = [came[key][0]["text"] for key in letters[one.number]]
        assert len(set(texts)) == len(texts), f"the same message under two keys: {texts}"
        if one.letters == 1:
            assert len(texts) == 1

    assert "none changed and none missing" in verified(clinic.server.data)
    await clinic.server.stop()
    assert "none changed and none missing" in verified(clinic.server.data)


def as_utc(wall: str) -> str:
    return datetime.fromisoformat(wall).replace(tzinfo=PARIS).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
