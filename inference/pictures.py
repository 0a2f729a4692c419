"""The pixels that a job names: uploaded pictures from Redis, frames from cameras."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from redis.asyncio import Redis

from bus import names
from bus.errors import BadImage, CameraStale, CameraTimeout
from bus.messages import CameraFrames, FrameUsed, Message, Part, StoredPicture
from bus.subscriber import Frame, FrameSubscriber
from inference.decode import Pixels, decode
from inference.engine import Turn
from inference.scale import shrunk

RULES_WAIT_S = 1.0  # for a frame to judge: while one camera gives none, the others wait too
DECODERS = 2  # threads: a PNG of 64 megapixels takes 270 MB while it is decoded
CACHED = 16  # decoded pictures: one that is asked about again is not decoded again


class PictureReader:
    def __init__(self, redis: Redis, frames: FrameSubscriber, wait_s: float) -> None:
        """*wait_s*: how long a camera may take to give a frame."""
        self._redis, self._frames, self._wait_s = redis, frames, wait_s
        self._decoders = ThreadPoolExecutor(DECODERS, "decode")
        self._cache: OrderedDict[StoredPicture, Pixels] = OrderedDict()

    async def turns(self, messages: Sequence[Message]) -> tuple[list[Turn], list[Frame]]:
        """*messages* with pixels in place of names, and the frames among them, in order."""
        parts = [part for message in messages for part in message.parts]
        stored = {p: await self._stored(p) for p in parts if isinstance(p, StoredPicture)}
        # Frames last: nothing slow may come between a frame and the engine.
        cameras = list(dict.fromkeys(_full(p) for p in parts if isinstance(p, CameraFrames)))
        series = await asyncio.gather(*(self.series(camera) for camera in cameras))
        taken = dict(zip(cameras, series, strict=True))
        if any(isinstance(p, CameraFrames) and p.max_side for p in parts):
            turns = await asyncio.to_thread(_turns, messages, stored, taken)
        else:
            turns = _turns(messages, stored, taken)
        return turns, [frame for frames in series for frame in frames]

    async def series(self, wanted: CameraFrames) -> list[Frame]:
        return await self._series(wanted, self._wait_s)

    async def recent(self, wanted: CameraFrames, max_age_s: float) -> list[Frame]:
        """Raise `CameraStale` when there are none, or the newest is older than *max_age_s*."""
        try:
            frames = await self._series(wanted, min(self._wait_s, RULES_WAIT_S))
        except CameraTimeout as error:
            raise CameraStale(str(error)) from error
        if (age_s := frames[-1].age_s) > max_age_s:
            raise CameraStale(
                f"the newest frame of camera {wanted.camera} is {age_s:.1f} s old,"
                f" more than {max_age_s:g} s"
            )
        return frames

    async def _series(self, wanted: CameraFrames, wait_s: float) -> list[Frame]:
        return await self._frames.series(wanted.camera, wanted.frames, wanted.span_s, wait_s)

    async def _stored(self, picture: StoredPicture) -> Pixels:
        if picture in self._cache:
            self._cache.move_to_end(picture)
            return self._cache[picture]
        data: Any = await self._redis.get(names.image(picture.digest))
        if data is None:
            raise BadImage("the picture has expired before the model could see it: send it again")
        loop = asyncio.get_running_loop()
        pixels = await loop.run_in_executor(self._decoders, decode, data, picture.max_side)
        self._cache[picture] = pixels
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return pixels


def _full(wanted: CameraFrames) -> CameraFrames:
    """The same frames at any size are taken once."""
    return msgspec.structs.replace(wanted, max_side=0) if wanted.max_side else wanted


def _turns(
    messages: Sequence[Message],
    stored: Mapping[StoredPicture, Pixels],
    taken: Mapping[CameraFrames, Sequence[Frame]],
) -> list[Turn]:
    """Blocks while frames are made smaller."""

    def content(part: Part) -> Sequence[str | Pixels]:
        match part:
            case StoredPicture():
                return (stored[part],)
            case CameraFrames():
                return [shrunk(frame.pixels, part.max_side) for frame in taken[_full(part)]]
            case _:
                return (part.text,)

    return [
        Turn(m.role, tuple(c for part in m.parts for c in content(part)), m.calls, m.call_id)
        for m in messages
    ]


def used(frames: Sequence[Frame]) -> tuple[FrameUsed, ...]:
    """What to say about *frames* in the answer; call it as the engine starts."""
    return tuple(
        FrameUsed(
            camera=frame.descriptor.camera,
            seq=frame.descriptor.seq,
            captured_at=frame.descriptor.captured_at,
            age_ms=round(frame.age_s * 1000, 2),
            width=frame.descriptor.width,
            height=frame.descriptor.height,
        )
        for frame in frames
    )
