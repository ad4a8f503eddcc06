"""A tone and a picture to send, and how loud and how high what arrives is."""

import asyncio
import contextlib

import numpy
from livekit import rtc

RATE = 48_000
TONE = 440.0
"""Hz."""


class Tone:
    """A published microphone that hums a sine until it is stopped."""

    def __init__(self, frequency: float = TONE):
        self.frequency = frequency
        self.source = rtc.AudioSource(RATE, 1)
        self.publication: rtc.LocalTrackPublication | None = None
        self._task: asyncio.Task | None = None

    async def publish(self, person) -> "Tone":
        track = rtc.LocalAudioTrack.create_audio_track("hum", self.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        self._task = asyncio.create_task(self._hum())
        try:
            self.publication = await asyncio.wait_for(person.local.publish_track(track, options), 20)
        except Exception as error:
            raise AssertionError(f"{person.identity} cannot publish: {error!r}\n{person.why()}") from error
        return self

    async def _hum(self) -> None:
        samples, at = RATE // 50, 0
        while True:
            wave = numpy.sin((numpy.arange(samples) + at) * (2 * numpy.pi * self.frequency / RATE))
            frame = rtc.AudioFrame((wave * 12_000).astype(numpy.int16).tobytes(), RATE, 1, samples)
            await self.source.capture_frame(frame)
            at += samples

    async def stop(self) -> None:
        await _cancel(self._task)
        await self.source.aclose()


class Picture:
    """A published camera: a moving gradient, 15 frames each second. With noise it takes all bits that it may."""

    def __init__(self, width: int = 320, height: int = 240, *, noisy: bool = False):
        self.width, self.height, self.noisy = width, height, noisy
        self.source = rtc.VideoSource(width, height)
        self.publication: rtc.LocalTrackPublication | None = None
        self._task: asyncio.Task | None = None

    async def publish(self, person, *, simulcast: bool = False, codec=rtc.VideoCodec.VP8) -> "Picture":
        track = rtc.LocalVideoTrack.create_video_track("picture", self.source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA, simulcast=simulcast, video_codec=codec
        )
        self._task = asyncio.create_task(self._move())
        try:
            self.publication = await asyncio.wait_for(person.local.publish_track(track, options), 20)
        except Exception as error:
            raise AssertionError(f"{person.identity} cannot publish: {error!r}\n{person.why()}") from error
        return self

    async def _move(self) -> None:
        at = 0
        chance = numpy.random.default_rng(26)
        x = numpy.arange(self.width)[None, :]
        y = numpy.arange(self.height)[:, None]
        while True:
            luma = ((x + y + at * 3) % 200 + 20).astype(numpy.uint8)
            if self.noisy:
                luma += chance.integers(0, 30, luma.shape, numpy.uint8)
            chroma = numpy.full((self.width // 2) * (self.height // 2) * 2, 128, numpy.uint8)
            data = luma.tobytes() + chroma.tobytes()
            self.source.capture_frame(rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.I420, data))
            at += 1
            await asyncio.sleep(1 / 15)

    async def stop(self) -> None:
        await _cancel(self._task)
        await self.source.aclose()


class Ear:
    """Listens to a track. Sound comes at 48 kHz; silence is what libwebrtc plays while nothing arrives."""

    def __init__(self, track: rtc.RemoteAudioTrack):
        self.stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        self.seconds = 0.0
        self.silent_seconds = 0.0
        """How long it was silent since the first sound."""
        self._last = numpy.zeros(0, numpy.int16)
        self._heard = False
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self.stream:
            samples = numpy.frombuffer(event.frame.data, numpy.int16)
            length = len(samples) / RATE
            self.seconds += length
            self._last = numpy.concatenate([self._last, samples])[-RATE // 2 :]
            loud = level(samples) > 500
            self._heard |= loud
            if self._heard and not loud:
                self.silent_seconds += length

    def hears(self, frequency: float) -> bool:
        """Half a second of this tone and hardly anything else."""
        if len(self._last) < RATE // 2 or level(self._last) < 2_000:
            return False
        return abs(pitch(self._last) - frequency) < 10

    def forget(self) -> None:
        """What was heard so far: a track that ended brings no silence, it brings nothing."""
        self._last = numpy.zeros(0, numpy.int16)

    def what(self) -> str:
        if not len(self._last):
            return "nothing was heard at all"
        return f"{self.seconds:.1f} s heard, RMS {level(self._last):.0f}, {pitch(self._last):.0f} Hz"

    async def stop(self) -> None:
        await _cancel(self._task)
        await self.stream.aclose()


class Eye:
    """Counts the frames of a track."""

    def __init__(self, track: rtc.RemoteVideoTrack):
        self.stream = rtc.VideoStream(track)
        self.frames = 0
        self.size = (0, 0)
        self.sizes: set[tuple[int, int]] = set()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async for event in self.stream:
            self.frames += 1
            self.size = (event.frame.width, event.frame.height)
            self.sizes.add(self.size)

    async def stop(self) -> None:
        await _cancel(self._task)
        await self.stream.aclose()


def level(samples) -> float:
    return float(numpy.sqrt(numpy.mean(samples.astype(numpy.float64) ** 2))) if len(samples) else 0.0


def pitch(samples) -> float:
    """The strongest frequency, in Hz."""
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(numpy.argmax(spectrum) * RATE / len(samples))


async def _cancel(task: asyncio.Task | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
