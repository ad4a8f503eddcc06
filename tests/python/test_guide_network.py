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

        return (await until(f"{word} is said; so far {self.said}", said))[-1]

    async def does(self, word: str, answer: str) -> list[str]:
        self.said = [line for line in self.said if line.split()[0] != answer]
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()
        return await self.says(answer)

    async def hears(self) -> list[float]:
        """Seconds of sound, of silence, and frames so far."""
        return [float(number) for number in await self.does("heard", "heard")]

    async def leave(self) -> None:
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), 20)
        await self._reader


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
    token = await guest.did("/p/v1/media-token")
    far = await Far().join(wire, clinic.server.ws, token["token"])
    try:
        stopped_at_the_end.append(await Tone(880).publish(near))
        stopped_at_the_end.append(await Picture(*SIZE).publish(near, simulcast=True))
        await far.does("publish", "published")
        await far.does(f"film {SIZE[0]} {SIZE[1]}", "filmed")
        ear = Ear(await near.subscribed(rtc.TrackKind.KIND_AUDIO))
        eye = Eye(await near.subscribed(rtc.TrackKind.KIND_VIDEO))
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
        print(f"up {up:.1%} silent, {eye.frames - frames} frames of {eye.size}; down {down:.1%} silent, {before} {after}")
    finally:
        await far.leave()
