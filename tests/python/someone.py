"""A participant for tests in other languages: `someone.py URL TOKEN`, then one word a line on standard input.

Says `joined SID`, `published SID`, `data TEXT`, `disconnected REASON` on standard output. Understands `publish` and
`leave`; the end of the input is `leave` too.
"""

import asyncio
import sys

from harness.media import Tone
from livekit import rtc


def say(*words) -> None:
    print(*words, flush=True)


async def main(url: str, jwt: str) -> None:
    room = rtc.Room()
    room.on("data_received", lambda packet: say("data", packet.data.decode()))
    room.on("disconnected", lambda reason: say("disconnected", rtc.DisconnectReason.Name(reason)))
    await room.connect(url, jwt)
    say("joined", room.local_participant.sid)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    tone = None
    while line := (await reader.readline()).decode().strip():
        if line == "publish":
            tone = await Tone().publish(Person(room))
            say("published", tone.publication.sid)
        elif line == "leave":
            break
    if tone is not None:
        await tone.stop()
    await room.disconnect()


class Person:
    """As much of a person as a tone needs."""

    def __init__(self, room: rtc.Room):
        self.local, self.identity = room.local_participant, room.local_participant.identity

    def why(self) -> str:
        return ""


asyncio.run(main(*sys.argv[1:]))
