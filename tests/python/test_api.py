"""The server API as the Python SDK calls it (Twirp with protobuf bodies), and what clients see of it."""

import asyncio
import base64
import time
from datetime import timedelta

import aiohttp
import pytest
from harness.media import TONE, Ear, Tone
from harness.server import KEY, SECRET, token
from livekit import api, rtc
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import JoinRequest, WrappedJoinRequest

AUDIO = rtc.TrackKind.KIND_AUDIO


@pytest.fixture
async def lk(server):
    """The SDK's client: it makes a token with the right grants for each call."""
    client = api.LiveKitAPI(server.http, KEY, SECRET)
    yield client.room
    await client.aclose()


async def refused(call, code: str) -> api.TwirpError:
    with pytest.raises(api.TwirpError) as failed:
        await call
    assert failed.value.code == code, str(failed.value)
    return failed.value


async def test_rooms_are_made_listed_changed_and_deleted(lk, room):
    made = await lk.create_room(
        api.CreateRoomRequest(name=room, empty_timeout=60, departure_timeout=5, max_participants=3, metadata="one")
    )
    assert made.sid.startswith("RM_")
    assert (made.name, made.empty_timeout, made.max_participants, made.metadata) == (room, 60, 3, "one")
    again = await lk.create_room(api.CreateRoomRequest(name=room))
    assert again.sid == made.sid, "a room that exists is given back"
    other = await lk.create_room(api.CreateRoomRequest(name=room + "-b"))
    listed = await lk.list_rooms(api.ListRoomsRequest())
    assert {made.sid, other.sid} <= {one.sid for one in listed.rooms}
    listed = await lk.list_rooms(api.ListRoomsRequest(names=[room, "no-such-room"]))
    assert [one.sid for one in listed.rooms] == [made.sid]
    changed = await lk.update_room_metadata(api.UpdateRoomMetadataRequest(room=room, metadata="two"))
    assert changed.metadata == "two"
    for name in (room, room + "-b"):
        await lk.delete_room(api.DeleteRoomRequest(room=name))
    listed = await lk.list_rooms(api.ListRoomsRequest(names=[room]))
    assert not listed.rooms
    await refused(lk.delete_room(api.DeleteRoomRequest(room=room)), "not_found")
    await refused(lk.update_room_metadata(api.UpdateRoomMetadataRequest(room=room, metadata="x")), "not_found")


async def test_a_room_without_a_name_is_refused(lk):
    await refused(lk.create_room(api.CreateRoomRequest(name="")), "invalid_argument")
    await refused(lk.create_room(api.CreateRoomRequest(name="x" * 10_000)), "invalid_argument")


async def test_participants_are_listed_and_got(lk, server, room, people):
    nobody = await lk.list_participants(api.ListParticipantsRequest(room="no-such-room"))
    assert not nobody.participants
    alice = await people(server, room, "alice").join(name="Alice", metadata="m", attributes={"a": "1"})
    await people(server, room, "bob").join()
    listed = await lk.list_participants(api.ListParticipantsRequest(room=room))
    assert [one.identity for one in listed.participants] == ["alice", "bob"]
    got = await lk.get_participant(api.RoomParticipantIdentity(room=room, identity="alice"))
    assert (got.sid, got.name, got.metadata, dict(got.attributes)) == (alice.local.sid, "Alice", "m", {"a": "1"})
    assert got.state == api.ParticipantInfo.State.ACTIVE
    await refused(lk.get_participant(api.RoomParticipantIdentity(room=room, identity="zoe")), "not_found")


async def test_deleting_a_room_ends_the_call(lk, server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join()
    await lk.delete_room(api.DeleteRoomRequest(room=room))
    assert (await alice.told("disconnected"))[0] == rtc.DisconnectReason.ROOM_DELETED


async def test_room_metadata_reaches_the_clients(lk, server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join()
    await lk.update_room_metadata(api.UpdateRoomMetadataRequest(room=room, metadata='{"topic":"x"}'))
    await alice.told("room_metadata_changed")
    assert alice.room.metadata == '{"topic":"x"}'


async def test_a_removed_participant_is_told_and_gone(lk, server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    await alice.sees("bob")
    await lk.remove_participant(api.RoomParticipantIdentity(room=room, identity="bob"))
    assert (await bob.told("disconnected"))[0] == rtc.DisconnectReason.PARTICIPANT_REMOVED
    await alice.told("participant_disconnected")
    await refused(lk.remove_participant(api.RoomParticipantIdentity(room=room, identity="bob")), "not_found")
    # Without revocation the token is still good.
    await people(server, room, "bob", protocol).join()


async def test_a_revoked_token_lets_nobody_in(lk, server, room, people):
    old = token(room, "bob")
    bob = await people(server, room, "bob").join(jwt=old)
    later = int(time.time()) + 1
    await lk.remove_participant(api.RoomParticipantIdentity(room=room, identity="bob", revoke_token_ts=later))
    await bob.told("disconnected")
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{server.http}/rtc/validate", params={"access_token": old}) as answer:
            assert answer.status == 401, await answer.text()
    await asyncio.sleep(max(0.0, later + 1.1 - time.time()))
    await people(server, room, "bob").join(jwt=token(room, "bob"))


async def test_a_track_is_muted_from_outside(lk, server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    tone = await Tone().publish(alice)
    stopped_at_the_end.append(tone)
    await bob.subscribed(AUDIO)
    mute = api.MuteRoomTrackRequest(room=room, identity="alice", track_sid=tone.publication.sid, muted=True)
    answer = await lk.mute_published_track(mute)
    assert (answer.track.sid, answer.track.muted) == (tone.publication.sid, True)
    await bob.told("track_muted")
    await alice.told("track_muted")
    unmute = api.MuteRoomTrackRequest(room=room, identity="alice", track_sid=tone.publication.sid, muted=False)
    await refused(lk.mute_published_track(unmute), "failed_precondition")
    unknown = api.MuteRoomTrackRequest(room=room, identity="alice", track_sid="TR_unknown", muted=True)
    await refused(lk.mute_published_track(unknown), "not_found")


async def test_a_participant_changed_from_outside_is_seen_by_all(lk, server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join(attributes={"kept": "1", "dropped": "2"})
    bob = await people(server, room, "bob", protocol).join()
    await bob.sees("alice")
    attributes = {"dropped": "", "new": "3"}
    answer = await lk.update_participant(
        api.UpdateParticipantRequest(room=room, identity="alice", name="A", metadata="m", attributes=attributes)
    )
    wanted = ("A", "m", {"kept": "1", "new": "3"})
    assert (answer.name, answer.metadata, dict(answer.attributes)) == wanted
    seen = bob.remote("alice")
    for what, who in (("bob", seen), ("alice", alice.local)):
        is_so = lambda who=who: (who.name, who.metadata, dict(who.attributes)) == wanted
        await bob.until(f"{what} sees it", is_so)
    missing = api.UpdateParticipantRequest(room=room, identity="zoe", name="Z")
    await refused(lk.update_participant(missing), "not_found")


async def test_who_loses_the_right_to_publish_is_silenced(lk, server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    tone = await Tone().publish(alice)
    stopped_at_the_end.append(tone)
    await bob.subscribed(AUDIO)
    permission = api.ParticipantPermission(can_subscribe=True, can_publish=False, can_publish_data=True)
    request = api.UpdateParticipantRequest(room=room, identity="alice", permission=permission)
    answer = await lk.update_participant(request)
    assert not answer.permission.can_publish
    await bob.told("track_unpublished")
    await alice.told("participant_permissions_changed")
    await bob.until("the track is gone", lambda: not bob.remote("alice").track_publications)


async def test_subscriptions_are_changed_from_outside(lk, server, room, people, protocol, stopped_at_the_end):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join(auto_subscribe=False)
    tone = await Tone().publish(alice)
    stopped_at_the_end.append(tone)
    await bob.told("track_published")

    async def subscribe(yes: bool):
        sids = [tone.publication.sid]
        request = api.UpdateSubscriptionsRequest(room=room, identity="bob", track_sids=sids, subscribe=yes)
        await lk.update_subscriptions(request)

    assert not bob.events["track_subscribed"]
    await subscribe(True)
    await bob.told("track_subscribed")
    ear = Ear(bob.events["track_subscribed"][0][0])
    stopped_at_the_end.append(ear)
    await bob.until("bob hears the tone", lambda: ear.hears(TONE))
    await subscribe(False)

    async def silent():
        ear.forget()
        await asyncio.sleep(0.7)
        return not ear.hears(TONE)

    await bob.until("bob hears it no longer", silent)
    missing = api.UpdateSubscriptionsRequest(room=room, identity="zoe", track_sids=[tone.publication.sid])
    await refused(lk.update_subscriptions(missing), "not_found")


async def test_data_sent_by_the_server_reaches_whom_it_is_for(lk, server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", protocol).join()
    reliable = api.DataPacket.Kind.RELIABLE
    for request in (
        api.SendDataRequest(room=room, data=b"for all", kind=reliable, topic="news"),
        api.SendDataRequest(room=room, data=b"for bob", kind=reliable, destination_identities=["bob"]),
        api.SendDataRequest(room=room, data=b"last", kind=reliable),
    ):
        await lk.send_data(request)
    for person, wanted in ((alice, [b"for all", b"last"]), (bob, [b"for all", b"for bob", b"last"])):
        await person.told("data_received", count=len(wanted))
        assert [args[0].data for args in person.events["data_received"]] == wanted
        packet = person.events["data_received"][0][0]
        assert (packet.topic, packet.participant) == ("news", None)
    nowhere = api.SendDataRequest(room="no-such-room", data=b"x", kind=reliable)
    await refused(lk.send_data(nowhere), "not_found")


async def test_data_sent_twice_with_one_nonce_arrives_once(server, room, people):
    alice = await people(server, room, "alice").join()
    jwt = grant(room_admin=True, room=room)
    # By hand: the SDK's client makes a nonce of its own for each call.
    for data, nonce in ((b"once", b"n" * 16), (b"once", b"n" * 16), (b"last", b"m" * 16)):
        status, text = await call(server, "SendData", api.SendDataRequest(room=room, data=data, nonce=nonce), jwt)
        assert status == 200, text
    await alice.told("data_received", count=2)
    assert [args[0].data for args in alice.events["data_received"]] == [b"once", b"last"]
    status, text = await call(server, "SendData", api.SendDataRequest(room=room, data=b"x", nonce=b"short"), jwt)
    assert status == 400 and '"invalid_argument"' in text, text


async def test_what_this_server_does_not_have_it_says_so(lk, server, room, people):
    await people(server, room, "alice").join()
    forward = api.ForwardParticipantRequest(room=room, identity="alice", destination_room="elsewhere")
    await refused(lk.forward_participant(forward), "unimplemented")
    move = api.MoveParticipantRequest(room=room, identity="alice", destination_room="elsewhere")
    await refused(lk.move_participant(move), "unimplemented")
    client = api.LiveKitAPI(server.http, KEY, SECRET)
    try:
        await refused(client.egress.list_egress(api.ListEgressRequest()), "unimplemented")
        await refused(client.ingress.list_ingress(api.ListIngressRequest()), "unimplemented")
        await refused(client.agent_dispatch.list_dispatch(room), "unimplemented")
    finally:
        await client.aclose()


METHODS = {
    "CreateRoom": (api.CreateRoomRequest(name="x"), {"room_create": True}),
    "ListRooms": (api.ListRoomsRequest(), {"room_list": True}),
    "DeleteRoom": (api.DeleteRoomRequest(room="x"), {"room_create": True}),
    "ListParticipants": (api.ListParticipantsRequest(room="x"), {"room_admin": True, "room": "x"}),
    "GetParticipant": (api.RoomParticipantIdentity(room="x", identity="i"), {"room_admin": True, "room": "x"}),
    "RemoveParticipant": (api.RoomParticipantIdentity(room="x", identity="i"), {"room_admin": True, "room": "x"}),
    "MutePublishedTrack": (api.MuteRoomTrackRequest(room="x", identity="i"), {"room_admin": True, "room": "x"}),
    "UpdateParticipant": (api.UpdateParticipantRequest(room="x", identity="i"), {"room_admin": True, "room": "x"}),
    "UpdateSubscriptions": (api.UpdateSubscriptionsRequest(room="x", identity="i"), {"room_admin": True, "room": "x"}),
    "SendData": (api.SendDataRequest(room="x", data=b"d"), {"room_admin": True, "room": "x"}),
    "UpdateRoomMetadata": (api.UpdateRoomMetadataRequest(room="x"), {"room_admin": True, "room": "x"}),
}


async def call(server, method: str, request, jwt: str | None) -> tuple[int, str]:
    headers = {"Content-Type": "application/protobuf"} | ({"Authorization": f"Bearer {jwt}"} if jwt else {})
    url = f"{server.http}/twirp/livekit.RoomService/{method}"
    async with aiohttp.ClientSession() as http:
        async with http.post(url, data=request.SerializeToString(), headers=headers) as answer:
            return answer.status, await answer.text(errors="replace")


def grant(secret: str = SECRET, ttl: timedelta = timedelta(minutes=5), **grants) -> str:
    return api.AccessToken(KEY, secret).with_ttl(ttl).with_grants(api.VideoGrants(**grants)).to_jwt()


@pytest.mark.parametrize("method", METHODS)
async def test_bad_tokens_are_refused(server, method):
    request, grants = METHODS[method]
    good = grant(**grants)
    head, body, signature = good.split(".")
    bad = {
        "none": None,
        "forged": grant(secret="not the secret", **grants),
        "expired": grant(ttl=timedelta(hours=-2), **grants),
        "of another key": api.AccessToken("otherkey", SECRET).with_grants(api.VideoGrants(**grants)).to_jwt(),
        "unsigned": f"{head}.{body}.",
        "garbage": "garbage",
        "another body": f"{head}.{body[:-4]}AAAA.{signature}",
    }
    for what, jwt in bad.items():
        status, text = await call(server, method, request, jwt)
        assert status == 401 and "code" not in text, f"{what}: {status} {text}"
    status, text = await call(server, method, request, grant(room_join=False))
    assert status == 401 and '"unauthenticated"' in text, f"without the grant: {status} {text}"
    if "room" in grants:
        status, text = await call(server, method, request, grant(**grants | {"room": "another"}))
        assert status == 401 and '"unauthenticated"' in text, f"for another room: {status} {text}"
    status, text = await call(server, method, request, good)
    assert status != 401, f"the good one: {status} {text}"


JOIN = WrappedJoinRequest(join_request=JoinRequest(client_info=ClientInfo(protocol=17)).SerializeToString())


@pytest.mark.parametrize("path", ["/rtc", "/rtc/v1"])
async def test_bad_tokens_open_no_session(server, path):
    bad = {
        "none": (None, 401),
        "forged": (token("x", "alice", secret="not the secret"), 401),
        "expired": (token("x", "alice", ttl=timedelta(hours=-2)), 401),
        "without roomJoin": (grant(room_list=True), 401),
        "garbage": ("garbage", 401),
    }
    async with aiohttp.ClientSession() as http:
        for what, (jwt, wanted) in bad.items():
            params = {"access_token": jwt} if jwt else {}
            if path == "/rtc/v1":
                params["join_request"] = base64.urlsafe_b64encode(JOIN.SerializeToString()).decode()
            async with http.get(f"{server.http}{path}/validate", params=params) as answer:
                assert answer.status == wanted, f"{what}: {answer.status} {await answer.text()}"
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
            with pytest.raises(aiohttp.WSServerHandshakeError) as failed:
                await http.ws_connect(f"{server.http}{path}", params=params)
            assert failed.value.status == wanted, what
