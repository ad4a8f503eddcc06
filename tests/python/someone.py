"""A participant for tests in other languages and elsewhere: `someone.py URL TOKEN`, then one word a line on standard input.

| on standard input | what is done | what is said |
|---|---|---|
| | joins | `joined SID` |
| `publish` | a tone | `published SID` |
| `film WIDTH HEIGHT` | a camera | `filmed SID` |
| `unfilm` | no camera any more | `unfilmed` |
| `heard` | | `heard SECONDS SILENT_SECONDS FRAMES`, since it joined |
| `leave`, or the end | leaves | |

Says `data TEXT` and `disconnected REASON` when that happens.
"""

import asyncio
import sys

from harness.media import Ear, Eye, Picture, Tone
from livekit import rtc
from livekit.rtc.participant import UnpublishTrackError


def say(*words) -> None:
    print(*words, flush=True)


async def main(url: str, jwt: str) -> None:
    room = rtc.Room()
    ears: list[Ear] = []
    eyes: list[Eye] = []

    def take(track, *_) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            ears.append(Ear(track))
        else:
            eyes.append(Eye(track))

    room.on("track_subscribed", take)
    room.on("data_received", lambda packet: say("data", packet.data.decode()))
    room.on("disconnected", lambda reason: say("disconnected", rtc.DisconnectReason.Name(reason)))
    await room.connect(url, jwt)
    say("joined", room.local_participant.sid)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    me, tone, picture = Person(room), None, None
    while words := (await reader.readline()).decode().split():
        if words[0] == "publish":
            tone = await Tone().publish(me)
            say("published", tone.publication.sid)
        elif words[0] == "film":
            picture = await Picture(int(words[1]), int(words[2])).publish(me, simulcast=True)
            say("filmed", picture.publication.sid)
        elif words[0] == "unfilm":
            await unfilm(room)
            await picture.stop()
            picture = None
            say("unfilmed")
        elif words[0] == "heard":
            heard, silent = (sum(getattr(ear, name) for ear in ears) for name in ("seconds", "silent_seconds"))
            say("heard", heard, silent, sum(eye.frames for eye in eyes))
        elif words[0] == "leave":
            break
    for thing in [tone, picture, *ears, *eyes]:
        if thing is not None:
            await thing.stop()
    await room.disconnect()


async def unfilm(room: rtc.Room) -> None:
    """Signalling breaks now and then on a poor line. The SDK comes back by itself, in the end with a track of another id."""
    me = room.local_participant
    while shown := [one.sid for one in me.track_publications.values() if one.kind == rtc.TrackKind.KIND_VIDEO]:
        try:
            await me.unpublish_track(shown[0])
        except UnpublishTrackError:
            await asyncio.sleep(1)


class Person:
    """As much of a person as a tone needs."""

    def __init__(self, room: rtc.Room):
        self.local, self.identity = room.local_participant, room.local_participant.identity

    def why(self) -> str:
        return ""


asyncio.run(main(*sys.argv[1:]))
