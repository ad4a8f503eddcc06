"""Two unmodified clients in a room: they meet, hear and see each other."""

import asyncio
import contextlib

from harness.media import TONE, Ear, Eye, Picture, Tone
from livekit import rtc

AUDIO, VIDEO = rtc.TrackKind.KIND_AUDIO, rtc.TrackKind.KIND_VIDEO


async def test_two_people_meet(server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join(name="Bob", metadata="m", attributes={"a": "1"})
    assert alice.room.name == room
    assert (await alice.room.sid).startswith("RM_")
    assert alice.local.sid.startswith("PA_")
    seen = await alice.sees("bob")
    assert (seen.sid, seen.name, seen.metadata, seen.attributes) == (bob.local.sid, "Bob", "m", {"a": "1"})
    await bob.sees("alice")
    await bob.leave()
    gone = await alice.told("participant_disconnected")
    assert gone[0].identity == "bob"
    assert alice.remote("bob") is None


async def test_a_tone_is_heard_at_the_other_end(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    tone = await Tone().publish(alice)
    ear = Ear(await bob.subscribed(AUDIO))
    stopped_at_the_end += [tone, ear]
    await bob.until(f"bob hears the tone ({ear.what()})", lambda: ear.hears(TONE))
    assert tone.publication.sid.startswith("TR_")
    assert bob.remote("alice").track_publications[tone.publication.sid].source == rtc.TrackSource.SOURCE_MICROPHONE


async def test_pictures_are_seen_at_the_other_end(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    picture = await Picture().publish(alice)
    eye = Eye(await bob.subscribed(VIDEO))
    stopped_at_the_end += [picture, eye]
    await bob.until("bob sees 20 frames", lambda: eye.frames >= 20)
    assert eye.size == (picture.width, picture.height)


async def test_clients_of_both_protocols_hear_each_other(server, room, people, stopped_at_the_end):
    alice = await people(server, room, "alice", "v1").join()
    bob = await people(server, room, "bob", "v0").join()
    tones = [await Tone(300).publish(alice), await Tone(500).publish(bob)]
    stopped_at_the_end += tones
    ears = [Ear(await alice.subscribed(AUDIO)), Ear(await bob.subscribed(AUDIO))]
    stopped_at_the_end += ears
    await alice.until("alice hears bob's tone", lambda: ears[0].hears(500))
    await bob.until("bob hears alice's tone", lambda: ears[1].hears(300))


async def test_who_comes_late_hears_and_sees_what_is_there(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    stopped_at_the_end += [await Tone().publish(alice), await Picture().publish(alice)]
    bob = await people(server, room, "bob", protocol).join()
    ear, eye = Ear(await bob.subscribed(AUDIO)), Eye(await bob.subscribed(VIDEO))
    stopped_at_the_end += [ear, eye]
    await bob.until("bob hears the tone", lambda: ear.hears(TONE))
    await bob.until("bob sees frames", lambda: eye.frames >= 10)


async def test_a_subscriber_chooses_among_simulcast_layers(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    picture = await Picture(1280, 720).publish(alice, simulcast=True)
    eye = Eye(await bob.subscribed(VIDEO))
    stopped_at_the_end += [picture, eye]
    await bob.until("bob sees frames", lambda: eye.frames >= 10)
    publication = bob.remote("alice").track_publications[picture.publication.sid]
    assert publication.simulcasted
    publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_LOW)
    await bob.until("the picture shrinks", lambda: eye.size == (320, 180))
    # It may have been small from the start, and the client sends two wishes in quick succession in any order.
    await asyncio.sleep(1)
    publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_MEDIUM)
    await bob.until("the picture grows", lambda: eye.size == (640, 360))


async def test_every_video_codec_of_the_client_arrives(server, room, people, stopped_at_the_end):
    alice = await people(server, room, "alice").join()
    bob = await people(server, room, "bob").join()
    for at, codec in enumerate([rtc.VideoCodec.VP8, rtc.VideoCodec.VP9, rtc.VideoCodec.AV1]):
        picture = await Picture().publish(alice, codec=codec)
        eye = Eye(await bob.subscribed(VIDEO, after=at))
        try:
            await bob.until(f"bob sees codec {codec}", lambda: eye.frames >= 5)
        finally:
            await picture.stop()
            await eye.stop()
        await alice.local.unpublish_track(picture.publication.sid)
        await bob.told("track_unsubscribed", count=at + 1)


async def test_mute_and_unpublish_are_told(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    tone = await Tone().publish(alice)
    stopped_at_the_end.append(tone)
    await bob.subscribed(AUDIO)
    track = tone.publication.track
    track.mute()
    muted = await bob.told("track_muted")
    assert (muted[0].identity, muted[1].sid) == ("alice", tone.publication.sid)
    track.unmute()
    await bob.told("track_unmuted")
    await alice.local.unpublish_track(tone.publication.sid)
    gone = await bob.told("track_unpublished")
    assert gone[0].sid == tone.publication.sid
    await bob.until("bob has no track of alice", lambda: not bob.remote("alice").track_publications)


async def test_a_subscriber_leaves_a_track_and_takes_it_again(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join(auto_subscribe=False)
    tone = await Tone().publish(alice)
    stopped_at_the_end.append(tone)
    publication = (await bob.told("track_published"))[0]
    assert not bob.events["track_subscribed"], "bob did not ask for it"
    for round_ in (1, 2):
        publication.set_subscribed(True)
        track = (await bob.told("track_subscribed", count=round_))[0]
        ear = Ear(track)
        try:
            await bob.until("bob hears the tone", lambda: ear.hears(TONE))
        finally:
            await ear.stop()
        publication.set_subscribed(False)
        await bob.told("track_unsubscribed", count=round_)


async def test_who_speaks_is_told_to_all(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    tone = await Tone().publish(alice)
    stopped_at_the_end.append(tone)
    speaks = lambda events: any([p.identity for p in args[0]] == ["alice"] for args in events)
    await bob.until("bob is told that alice speaks", lambda: speaks(bob.events["active_speakers_changed"]))
    await tone.stop()
    stopped_at_the_end.remove(tone)
    await bob.until("bob is told that nobody speaks", lambda: bob.events["active_speakers_changed"][-1][0] == [])


async def test_attributes_metadata_and_names_reach_the_others(server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join(attributes={"kept": "1", "dropped": "2"})
    bob = await people(server, room, "bob", protocol).join()
    await bob.sees("alice")
    await alice.local.set_name("Alice")
    await alice.local.set_metadata('{"role":"nurse"}')
    await alice.local.set_attributes({"dropped": "", "hand": "raised"})
    seen = bob.remote("alice")
    wanted = ("Alice", '{"role":"nurse"}', {"kept": "1", "hand": "raised"})
    await bob.until("bob sees all of it", lambda: (seen.name, seen.metadata, dict(seen.attributes)) == wanted)
    own = alice.local
    await alice.until("so does alice", lambda: (own.name, own.metadata, dict(own.attributes)) == wanted)


async def test_a_second_join_with_one_identity_ends_the_first(server, room, people, protocol):
    bob = await people(server, room, "bob", protocol).join()
    first = await people(server, room, "alice", protocol).join()
    first_sid = (await bob.sees("alice")).sid
    second = await people(server, room, "alice", protocol).join()
    reason = (await first.told("disconnected"))[0]
    assert reason == rtc.DisconnectReason.DUPLICATE_IDENTITY
    await bob.until("bob sees the second alice", lambda: bob.remote("alice") and bob.remote("alice").sid != first_sid)
    assert bob.remote("alice").sid == second.local.sid
    assert len(bob.events["participant_disconnected"]) == 1


async def test_who_may_not_publish_cannot(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join(can_publish=False)
    bob = await people(server, room, "bob", protocol).join()
    tone = await Tone().publish(bob)
    ear = Ear(await alice.subscribed(AUDIO))
    stopped_at_the_end += [tone, ear]
    await alice.until("alice may still listen", lambda: ear.hears(TONE))
    refused = Tone()
    try:
        # A client that is refused may wait for its own timeout, 10 s: the others tell whether it was.
        with contextlib.suppress(asyncio.TimeoutError, AssertionError):
            await asyncio.wait_for(refused.publish(alice), 2)
    finally:
        await refused.stop()
    assert not bob.remote("alice").track_publications


async def test_a_hidden_listener_is_not_seen(server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    ghost = await people(server, room, "ghost", protocol).join(hidden=True, can_publish=False)
    tone = await Tone().publish(alice)
    ear = Ear(await ghost.subscribed(AUDIO))
    stopped_at_the_end += [tone, ear]
    await ghost.until("the ghost hears", lambda: ear.hears(TONE))
    assert not alice.room.remote_participants
    assert not alice.events["participant_connected"]


async def test_six_people_hear_each_other(server, room, people, protocol, stopped_at_the_end):
    everybody = [await people(server, room, f"p{at}", protocol).join() for at in range(6)]
    for at, person in enumerate(everybody):
        stopped_at_the_end.append(await Tone(300 + 50 * at).publish(person))
    for person in everybody:
        await person.told("track_subscribed", count=5)
        for args in person.events["track_subscribed"]:
            publisher = int(args[2].identity[1:])
            ear = Ear(args[0])
            stopped_at_the_end.append(ear)
            what = f"{person.identity} hears {args[2].identity}"
            await person.until(what, lambda ear=ear, publisher=publisher: ear.hears(300 + 50 * publisher))


async def test_republished_tracks_are_heard(server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    for at in range(3):
        tone = await Tone(300 + 100 * at).publish(alice)
        try:
            ear = Ear(await bob.subscribed(AUDIO, after=at))
            try:
                await bob.until("bob hears it", lambda: ear.hears(300 + 100 * at))
            finally:
                await ear.stop()
        finally:
            await tone.stop()
        await alice.local.unpublish_track(tone.publication.sid)
        await bob.told("track_unsubscribed", count=at + 1)
