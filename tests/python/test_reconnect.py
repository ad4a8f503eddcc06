"""Signalling that breaks, a server that restarts, people who are removed: what clients make of it."""

import asyncio
import signal

from harness.media import TONE, Ear, Tone
from livekit import rtc

AUDIO = rtc.TrackKind.KIND_AUDIO


async def test_signalling_that_breaks_is_resumed_and_the_sound_goes_on(
    server, room, people, proxy_to, protocol, stopped_at_the_end
):
    proxy = await proxy_to(server.port)
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join(url=proxy.ws)
    tone = await Tone().publish(alice)
    ear = Ear(await bob.subscribed(AUDIO))
    stopped_at_the_end += [tone, ear]
    await bob.until("bob hears the tone", lambda: ear.hears(TONE))
    sid, before, silent = bob.local.sid, proxy.connections, ear.silent_seconds
    assert proxy.cut() > 0
    await bob.until("bob comes back", lambda: proxy.connections > before)
    await bob.told("reconnected")
    heard = ear.seconds
    await bob.until("bob goes on hearing", lambda: ear.seconds > heard + 1 and ear.hears(TONE))
    assert bob.local.sid == sid, "a resume keeps the participant"
    assert ear.silent_seconds - silent < 0.5, ear.what()
    assert len(bob.events["track_subscribed"]) == 1, "the track was never gone"
    assert not alice.events["participant_disconnected"]
    assert not bob.events["disconnected"]
    # The session is whole: both directions still work.
    await alice.local.publish_data(b"are you there?")
    assert (await bob.told("data_received"))[0].data == b"are you there?"
    answer = await Tone(700).publish(bob)
    ear = Ear(await alice.subscribed(AUDIO))
    stopped_at_the_end += [answer, ear]
    await alice.until("alice hears bob, who publishes after the resume", lambda: ear.hears(700))


async def test_a_publisher_whose_signalling_breaks_stays_heard(
    server, room, people, proxy_to, protocol, stopped_at_the_end
):
    proxy = await proxy_to(server.port)
    alice = await people(server, room, "alice", protocol).join(url=proxy.ws)
    bob = await people(server, room, "bob", protocol).join()
    tone = await Tone().publish(alice)
    ear = Ear(await bob.subscribed(AUDIO))
    stopped_at_the_end += [tone, ear]
    await bob.until("bob hears the tone", lambda: ear.hears(TONE))
    silent = ear.silent_seconds
    proxy.cut()
    await alice.told("reconnected")
    heard = ear.seconds
    await bob.until("bob goes on hearing", lambda: ear.seconds > heard + 1 and ear.hears(TONE))
    assert ear.silent_seconds - silent < 0.5, ear.what()
    assert not bob.events["track_unpublished"]
    assert not bob.events["participant_disconnected"]


async def test_messages_sent_while_signalling_is_away_arrive_once(server, room, people, proxy_to, protocol):
    proxy = await proxy_to(server.port)
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join(url=proxy.ws)
    await alice.sees("bob")
    await alice.local.publish_data(b"0")
    await bob.told("data_received")
    proxy.cut()
    for at in range(1, 50):
        await alice.local.publish_data(str(at).encode())
        await asyncio.sleep(0.02)
    await bob.told("reconnected")
    await alice.local.publish_data(b"50")
    await bob.told("data_received", count=51)
    await asyncio.sleep(0.5)
    assert [int(args[0].data) for args in bob.events["data_received"]] == list(range(51))


async def test_what_happened_while_signalling_was_away_is_told_afterwards(server, room, people, proxy_to, protocol):
    proxy = await proxy_to(server.port)
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join(url=proxy.ws)
    carol = await people(server, room, "carol", protocol).join()
    await bob.sees("alice")
    await bob.sees("carol")
    proxy.accepting = False
    proxy.cut()
    await carol.leave()
    await alice.local.set_attributes({"hand": "raised"})
    dave = await people(server, room, "dave", protocol).join()
    proxy.accepting = True
    await bob.told("reconnected")
    await bob.sees("dave")
    await bob.until("carol is gone", lambda: bob.remote("carol") is None)
    await bob.until("alice's hand is up", lambda: dict(bob.remote("alice").attributes) == {"hand": "raised"})
    await dave.sees("bob")


async def test_a_restarted_server_gets_everybody_back(own_server, people, protocol, stopped_at_the_end):
    server = own_server
    alice = await people(server, "room", "alice", protocol).join()
    bob = await people(server, "room", "bob", protocol).join()
    tone = await Tone().publish(alice)
    stopped_at_the_end.append(tone)
    await bob.subscribed(AUDIO)
    # Killed, so that no goodbye tells the clients what to do.
    await server.stop(signal.SIGKILL)
    await server.start()
    await alice.told("reconnected", deadline=60)
    await bob.told("reconnected", deadline=60)
    subscribed = await bob.subscribed(AUDIO, after=1)
    ear = Ear(subscribed)
    stopped_at_the_end.append(ear)
    await bob.until("bob hears alice again", lambda: ear.hears(TONE))


async def test_a_server_that_is_stopped_in_order_says_so_first(own_server, people, protocol):
    alice = await people(own_server, "room", "alice", protocol).join()
    await own_server.stop()
    await own_server.start()
    await alice.told("reconnected", deadline=60)
    assert not alice.events["disconnected"]


async def test_simulated_failures_end_in_a_session_that_works(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    tone = await Tone().publish(alice)
    stopped_at_the_end.append(tone)
    await bob.subscribed(AUDIO)
    kinds = rtc.SimulateScenarioKind
    for at, kind in enumerate([kinds.SIMULATE_SIGNAL_RECONNECT, kinds.SIMULATE_FULL_RECONNECT], start=1):
        await bob.room.simulate_scenario(kind)
        await bob.told("reconnected", count=at, deadline=60)
    # A new session, and so a new track; the client may say that it is back before it is sent it.
    ear = Ear(await bob.subscribed(AUDIO, after=1))
    stopped_at_the_end.append(ear)
    await bob.until("bob hears alice", lambda: ear.hears(TONE))
