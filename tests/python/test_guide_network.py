"""The guide for professionals, row 26: the call on a poor network. Needs root, for a network of its own."""

import asyncio
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from harness.clinic import SETTINGS, Clinic, mobile
from harness.media import Ear, Eye, Picture, Tone
from harness.network import Wire, why_not
from harness.people import Person
from harness.server import Server, until
from livekit import rtc

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
KBITS = 150
# The camera of the patient, as large as phones send it.
SIZE = (640, 360)
SECONDS = 12
# Until the server knows the line, sound that is sent twice over (RED) takes 120 of the 150 kbit/s, and a description of a
# session waits behind it.
SIGNALLING_S = 90


@pytest_asyncio.fixture
async def wire():
    wire = Wire(KBITS)
    yield wire
    wire.close()


@pytest_asyncio.fixture
async def clinic(wire):
    address = {"CHEVET_SERVER__BIND": wire.here, "CHEVET_RTC__BIND": wire.here}
    server = Server("guide-network", SETTINGS | address)
    clinic = Clinic(await server.start())
    try:
        yield clinic
    finally:
        await clinic.close()
        await server.close()


class Far:
    """Somebody at the other end of the wire: `someone.py` in a process of its own."""

    async def join(self, wire: Wire, url: str, token: str) -> "Far":
        self.said: list[str] = []
        someone = Path(__file__).with_name("someone.py")
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *wire.inside, sys.executable, str(someone), url, token, stdin=pipe, stdout=pipe
        )
        self._reader = asyncio.create_task(self._read())
        await self.says("joined")
        return self

    async def _read(self) -> None:
        while line := (await self.process.stdout.readline()).decode().strip():
            self.said.append(line)

    async def says(self, word: str) -> list[str]:
        async def said():
            return [line.split()[1:] for line in self.said if line.split()[0] == word]

        return (await until(f"{word} is said; so far {self.said}", said, deadline=SIGNALLING_S))[-1]

    async def does(self, word: str, answer: str) -> list[str]:
        self.said = [line for line in self.said if line.split()[0] != answer]
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()
        return await self.says(answer)

    async def hears(self) -> list[float]:
        """Seconds of sound, of silence, and frames so far."""
        return [float(number) for number in await self.does("heard", "heard")]

    async def leave(self) -> None:
        """Once; again is nothing."""
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), 20)
        await self._reader


DIAGNOSIS = {
    "page": "call", "browser": {"family": "chrome", "major": 140}, "os": {"family": "linux", "major": 6},
    "device": "desktop", "permissions": {"camera": "granted", "microphone": "granted", "notifications": "unknown"},
    "devices": {"cameras": 1, "microphones": 1, "speakers": 1}, "errors": [], "timeline": [],
}  # fmt: skip


async def support(clinic: Clinic, guest):
    """Whoever helps by telephone, and the address by which they see the call: its incidents, and no health data."""
    email = "support@cabinet.example"
    await clinic.confirmed(email)
    await clinic.approve(email)
    admin = await clinic.administrator()
    (user,) = (await admin.did("/api/v1/admin/users/search", {"email": email}))["items"]
    await admin.did(f"/api/v1/admin/users/{user['id']}/roles", {"roles": ["support"], "works_for": []}, "PUT")
    code = (await guest.did("/p/v1/support/bundles", DIAGNOSIS))["code"]
    return await clinic.log_in(email), f"/api/v1/support/bundles/{code}"


async def test_guide_row_26_at_150_kbits_the_sound_goes_on_the_picture_gives_way_and_the_record_says_so(
    clinic, wire, people, stopped_at_the_end
):
    doctor = await clinic.professional("campagne@cabinet.example")
    typed, number = mobile()
    one = await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}])
    path = f"/api/v1/consultations/{one['id']}"
    near = await clinic.doctor_joins(people, doctor, one["id"])
    guest = await clinic.waits(await clinic.secret(number))
    await clinic.admit(doctor, one["id"], guest)
    helper, seen = await support(clinic, guest)

    async def suspensions():
        incidents = (await helper.get(seen))["consultation"]["incidents"]
        return [one for one in incidents if one["kind"] == "video_suspended_bandwidth"]

    token = await guest.did("/p/v1/media-token")
    far = await Far().join(wire, clinic.server.ws, token["token"])
    try:
        stopped_at_the_end.append(await Tone(880).publish(near))
        stopped_at_the_end.append(await Picture(*SIZE, noisy=True).publish(near, simulcast=True))
        await far.does("publish", "published")
        await far.does(f"film {SIZE[0]} {SIZE[1]}", "filmed")
        ear = Ear(await near.subscribed(rtc.TrackKind.KIND_AUDIO, deadline=SIGNALLING_S))
        eye = Eye(await near.subscribed(rtc.TrackKind.KIND_VIDEO, deadline=SIGNALLING_S))
        stopped_at_the_end += [ear, eye]
        await near.until("the patient is heard", lambda: ear.hears(440))
        # What starts up is not judged: senders find out what the wire carries.
        await asyncio.sleep(5)
        heard, silent, frames = ear.seconds, ear.silent_seconds, eye.frames
        before = await far.hears()
        await asyncio.sleep(SECONDS)
        after = await far.hears()
        up = (ear.silent_seconds - silent) / (ear.seconds - heard)
        down = (after[1] - before[1]) / (after[0] - before[0])
        assert up < 0.05 and down < 0.05, f"up {up:.1%} silent, down {down:.1%} silent"
        assert eye.size[0] < SIZE[0] or eye.frames - frames < 10 * SECONDS, "the picture gives way"
        # The patient's page goes on without a camera, and that is kept for the report.
        await far.does("unfilm", "unfilmed")

        async def noted():
            kept = await doctor.get(path)
            return kept["audio_only_seconds"] > 0

        await until("the record says that there was sound only", noted, why=clinic.server.tail)
        noticed = await until("the record says that the picture was suspended", suspensions, why=clinic.server.tail)
        assert {one["role"] for one in noticed} == {"patient"}, noticed
        # Who leaves misses nothing any more.
        await far.leave()

        async def over():
            return all(one["duration_s"] is not None for one in await suspensions())

        await until("the suspension has an end", over, why=clinic.server.tail)
        assert sum(one["duration_s"] for one in await suspensions()) >= SECONDS / 2
    finally:
        await far.leave()
