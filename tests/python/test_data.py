"""Messages, files, text and calls between two clients, through the server."""

import asyncio
import hashlib
import os

import pytest
from livekit import rtc


async def two(server, room, people, protocol, others=None):
    alice = await people(server, room, "alice", protocol).join()
    bob = await people(server, room, "bob", others or protocol).join()
    await alice.sees("bob")
    await bob.sees("alice")
    return alice, bob


async def test_reliable_messages_arrive_all_and_in_order(server, room, people, protocol):
    alice, bob = await two(server, room, people, protocol)
    sent = [f"{at}:{'x' * (at * 37 % 3000)}".encode() for at in range(200)]
    for message in sent:
        await alice.local.publish_data(message, topic="numbers")
    await bob.told("data_received", count=len(sent))
    packets = [args[0] for args in bob.events["data_received"]]
    assert [packet.data for packet in packets] == sent
    assert {packet.topic for packet in packets} == {"numbers"}
    assert {packet.participant.identity for packet in packets} == {"alice"}
    assert {packet.kind for packet in packets} == {rtc.DataPacketKind.KIND_RELIABLE}
    assert not alice.events["data_received"], "nobody hears oneself"


async def test_lossy_messages_arrive(server, room, people, protocol):
    alice, bob = await two(server, room, people, protocol)

    async def arrived():
        await alice.local.publish_data(b"here", reliable=False)
        return bob.events["data_received"]

    await bob.until("one of them arrives", arrived)
    packet = bob.events["data_received"][0][0]
    assert (packet.data, packet.kind) == (b"here", rtc.DataPacketKind.KIND_LOSSY)


async def test_a_message_for_one_reaches_only_that_one(server, room, people, protocol):
    alice, bob = await two(server, room, people, protocol)
    carol = await people(server, room, "carol", protocol).join()
    await alice.sees("carol")
    await alice.local.publish_data(b"for carol", destination_identities=["carol", "nobody", "alice"])
    await alice.local.publish_data(b"for all")
    await carol.told("data_received", count=2)
    await bob.told("data_received")
    assert [args[0].data for args in carol.events["data_received"]] == [b"for carol", b"for all"]
    assert [args[0].data for args in bob.events["data_received"]] == [b"for all"]
    assert not alice.events["data_received"]


async def test_who_may_not_send_data_is_not_heard(server, room, people, protocol):
    alice = await people(server, room, "alice", protocol).join(can_publish_data=False)
    bob = await people(server, room, "bob", protocol).join()
    carol = await people(server, room, "carol", protocol).join()
    await carol.sees("bob")
    try:
        await alice.local.publish_data(b"not allowed")
    except rtc.room.ConnectError:
        pass
    except Exception:  # noqa: BLE001 - a client may refuse by itself
        pass
    await carol.local.publish_data(b"allowed")
    await bob.told("data_received")
    assert [args[0].data for args in bob.events["data_received"]] == [b"allowed"]


def collect_files(person, topic):
    """Reads every byte stream of a topic; the result is filled with (sender, info, content)."""
    files, tasks = [], []

    def opened(reader, sender):
        async def read():
            content = b"".join([chunk async for chunk in reader])
            files.append((sender, reader.info, content))

        tasks.append(asyncio.ensure_future(read()))

    person.room.register_byte_stream_handler(topic, opened)
    return files


@pytest.mark.parametrize("size", [300_000, 5_000_000])
async def test_a_file_arrives_unchanged(server, room, people, protocol, size, tmp_path):
    alice, bob = await two(server, room, people, protocol)
    path = tmp_path / "scan.bin"
    path.write_bytes(os.urandom(size))
    files = collect_files(bob, "files")
    await asyncio.wait_for(alice.local.send_file(str(path), topic="files"), 60)
    await bob.until("the file arrives", lambda: files, deadline=60)
    sender, info, content = files[0]
    assert (sender, info.name, info.size) == ("alice", "scan.bin", size)
    assert hashlib.sha256(content).digest() == hashlib.sha256(path.read_bytes()).digest()


async def test_files_both_ways_at_once_arrive_unchanged(server, room, people, tmp_path):
    alice, bob = await two(server, room, people, "v1", "v0")
    path = tmp_path / "both.bin"
    path.write_bytes(os.urandom(2_000_000))
    at_alice, at_bob = collect_files(alice, "files"), collect_files(bob, "files")
    sending = [person.local.send_file(str(path), topic="files") for person in (alice, bob)]
    await asyncio.wait_for(asyncio.gather(*sending), 60)
    for person, files in ((alice, at_alice), (bob, at_bob)):
        await person.until("the file arrives", lambda files=files: files, deadline=60)
        assert files[0][2] == path.read_bytes()


async def test_a_byte_stream_written_in_pieces_arrives_whole(server, room, people, protocol):
    alice, bob = await two(server, room, people, protocol)
    files = collect_files(bob, "pieces")
    writer = await alice.local.stream_bytes("pieces.bin", topic="pieces")
    pieces = [os.urandom(size) for size in (1, 14_999, 15_000, 15_001, 40_000)]
    for piece in pieces:
        await writer.write(piece)
    await writer.aclose()
    await bob.until("the stream ends", lambda: files)
    assert files[0][2] == b"".join(pieces)


@pytest.mark.parametrize("text", ["short", "été " * 20_000], ids=["short", "long"])
async def test_a_text_arrives_unchanged(server, room, people, protocol, text):
    alice, bob = await two(server, room, people, protocol)
    texts = []

    def opened(reader, sender):
        async def read():
            texts.append((sender, await reader.read_all()))

        asyncio.ensure_future(read())

    bob.room.register_text_stream_handler("chat", opened)
    await alice.local.send_text(text, topic="chat")
    await bob.until("the text arrives", lambda: texts)
    assert texts == [("alice", text)]


@pytest.mark.parametrize(("caller", "callee"), [("v1", "v1"), ("v0", "v0"), ("v1", "v0"), ("v0", "v1")])
async def test_a_call_of_a_method_is_answered(server, room, people, caller, callee):
    alice, bob = await two(server, room, people, caller, callee)

    async def shout(call):
        assert call.caller_identity == "alice"
        return call.payload.upper()

    async def fail(call):
        raise rtc.RpcError(code=101, message="not today", data="tomorrow")

    bob.local.register_rpc_method("shout", shout)
    bob.local.register_rpc_method("fail", fail)

    async def call(method, payload="", destination="bob"):
        calling = alice.local.perform_rpc(destination_identity=destination, method=method, payload=payload)
        return await asyncio.wait_for(calling, 30)

    assert await call("shout", "hello") == "HELLO"
    long = "long " * 2_500
    assert await call("shout", long) == long.upper()
    with pytest.raises(rtc.RpcError) as failed:
        await call("fail")
    assert (failed.value.code, failed.value.message, failed.value.data) == (101, "not today", "tomorrow")
    with pytest.raises(rtc.RpcError) as unknown:
        await call("whisper")
    assert unknown.value.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD


async def test_a_data_track_arrives(server, room, people, protocol):
    alice, bob = await two(server, room, people, protocol)
    published = []
    bob.room.on("data_track_published", lambda *args: published.append(args))
    track = await asyncio.wait_for(alice.local.publish_data_track(name="pulse"), 20)
    await bob.until("bob is told of the data track", lambda: published)
    stream = published[0][0].subscribe()
    frames = []

    async def read():
        async for frame in stream:
            frames.append(bytes(frame.payload))

    reading = asyncio.create_task(read())

    async def arrived():
        track.try_push(rtc.DataTrackFrame(payload=b"72 bpm"))
        await asyncio.sleep(0.05)
        return frames

    try:
        await bob.until("a frame arrives", arrived)
        assert frames[0] == b"72 bpm"
    finally:
        reading.cancel()
