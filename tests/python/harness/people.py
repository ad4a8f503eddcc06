"""People in a room: unmodified LiveKit clients (libwebrtc inside), and what happened to them."""

import asyncio
from collections import defaultdict

from livekit import rtc

from .server import Server, token, until

PROTOCOLS = {"v1": True, "v0": False}


class Person:
    """A client that remembers each event it was told of, by name, with its arguments."""

    def __init__(self, server: Server, room: str, identity: str, protocol: str = "v1"):
        self.server, self.room_name, self.identity, self.protocol = server, room, identity, protocol
        self.room = rtc.Room()
        self.events: dict[str, list[tuple]] = defaultdict(list)
        for name in EVENTS:
            self.room.on(name, lambda *args, name=name: self.events[name].append(args))

    async def join(self, *, url: str | None = None, auto_subscribe: bool = True, jwt: str | None = None, **claims):
        options = rtc.RoomOptions(auto_subscribe=auto_subscribe, single_peer_connection=PROTOCOLS[self.protocol])
        jwt = jwt or token(self.room_name, self.identity, **claims)
        try:
            await asyncio.wait_for(self.room.connect(url or self.server.ws, jwt, options), 30)
        except Exception as error:
            raise AssertionError(f"{self.identity} cannot join by {self.protocol}: {error!r}\n{self.why()}") from error
        return self

    @property
    def local(self) -> rtc.LocalParticipant:
        return self.room.local_participant

    def remote(self, identity: str) -> rtc.RemoteParticipant | None:
        return self.room.remote_participants.get(identity)

    async def sees(self, identity: str) -> rtc.RemoteParticipant:
        return await self.until(f"{self.identity} sees {identity}", lambda: self.remote(identity))

    async def subscribed(self, kind, *, after: int = 0, deadline: float = 30.0):
        """The first track of this kind that was subscribed after event number `after`."""
        tracks = lambda: [args[0] for args in self.events["track_subscribed"][after:] if args[0].kind == kind]
        return (await self.until(f"{self.identity} is sent a track of kind {kind}", tracks, deadline))[0]

    async def told(self, event: str, *, count: int = 1, deadline: float = 30.0) -> tuple:
        """Waits for the event number `count` (1 is the first)."""
        await self.until(
            f"{self.identity} is told {event}", lambda: len(self.events[event]) >= count, deadline=deadline
        )
        return self.events[event][count - 1]

    async def until(self, what: str, condition, deadline: float = 30.0):
        return await until(what, condition, deadline=deadline, why=self.why)

    def why(self) -> str:
        story = ", ".join(f"{name} x{len(seen)}" for name, seen in self.events.items() if seen)
        return f"{self.identity} ({self.protocol}) was told: {story or 'nothing'}\n{self.server.tail()}"

    async def leave(self) -> None:
        try:
            await asyncio.wait_for(self.room.disconnect(), 15)
        except Exception:  # noqa: BLE001 - a room that is gone already cannot be left
            pass


EVENTS = [
    "participant_connected", "participant_disconnected", "track_published", "track_unpublished", "track_subscribed",
    "track_unsubscribed", "track_subscription_failed", "track_muted", "track_unmuted", "active_speakers_changed",
    "room_metadata_changed", "participant_metadata_changed", "participant_name_changed",
    "participant_attributes_changed", "connection_quality_changed", "participant_permissions_changed",
    "data_received", "connection_state_changed", "connected", "disconnected", "reconnecting", "reconnected",
    "local_track_published", "local_track_unpublished", "local_track_subscribed", "token_refreshed",
]  # fmt: skip
