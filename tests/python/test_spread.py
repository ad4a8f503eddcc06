"""One room on several workers: nobody in it can tell."""

import re

import aiohttp
import pytest_asyncio
from harness.media import Ear, Eye, Picture, Tone
from harness.server import Server
from livekit import rtc

AUDIO, VIDEO = rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO


@pytest_asyncio.fixture
async def spread_server():
    """Whose rooms place people on two workers in turn."""
    server = Server("spread", env={"CHEVET_RTC__WORKERS": "2", "CHEVET_RTC__ROOM_SPREAD": "1"})
    try:
        yield await server.start()
    finally:
        await server.close()


async def get(server, path):
    async with aiohttp.ClientSession() as http, http.get(f"{server.http}{path}") as answer:
        assert answer.status == 200
        return await (answer.text() if path == "/metrics" else answer.json())


async def test_people_on_different_workers_share_a_room(spread_server, room, people, protocol, stopped_at_the_end):
    server = spread_server
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    carol = await people(server, room, "carol", protocol).join()
    stopped_at_the_end += [await Tone(300).publish(alice), await Picture().publish(bob)]
    ears = [Ear(await person.subscribed(AUDIO)) for person in (bob, carol)]
    eyes = [Eye(await person.subscribed(VIDEO)) for person in (alice, carol)]
    stopped_at_the_end += ears + eyes
    for person, ear in zip((bob, carol), ears, strict=True):
        await person.until(f"{person.identity} hears the tone ({ear.what()})", lambda ear=ear: ear.hears(300))
    for person, eye in zip((alice, carol), eyes, strict=True):
        await person.until(f"{person.identity} sees frames", lambda eye=eye: eye.frames >= 20)
    await bob.local.publish_data(b"to all", topic="t")
    for person in (alice, carol):
        packet = (await person.told("data_received"))[0]
        assert (packet.data, packet.participant.identity) == (b"to all", "bob")

    seen = await get(server, f"/debug/rooms/{room}")
    workers = {person["identity"]: person["worker"] for person in seen["participants"]}
    assert workers["alice"] == workers["carol"] != workers["bob"], workers
    assert {member["member"] for member in seen["media"]["members"]} == {
        person["member"] for person in seen["participants"]
    }
    assert len(seen["media"]["tracks"]) == 2
    assert len(seen["media"]["subscriptions"]) == 4
    async def relayed():
        found = re.findall(r'^chevet_worker_relayed_in_total\{worker="\d"\} (\d+)$', await get(server, "/metrics"), re.M)
        return len(found) == 2 and all(int(count) > 20 for count in found)

    await alice.until("both workers got packets of the other", relayed)
