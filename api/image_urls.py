"""
What the URL of a picture means: bytes to store, or a camera and which of its frames.

What a request may have opened is said in `permits`; a camera that is registered may be
named by its URL too.
"""

import asyncio
import re
from collections import defaultdict
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from api.fetch import Fetcher
from api.permits import check_camera, check_parts
from api.pictures import PictureStore
from api.schemas import MAX_FRAMES, MAX_SPAN_S, Stream
from api.settings import ApiSettings
from bus.cameras import CAMERA_ID, Cameras, implicit_id, missing
from bus.errors import BadJob, LookoutError, Overloaded
from bus.messages import CameraFrames, CameraSpec, StoredPicture
from bus.redis import translated

AT_ONCE = 8  # pictures that one request has fetched side by side
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|)")


class ImageUrls:
    def __init__(
        self, settings: ApiSettings, cameras: Cameras, store: PictureStore, fetcher: Fetcher
    ) -> None:
        self._settings, self._cameras = settings, cameras
        self._store, self._fetcher = store, fetcher

    def of_one_request(self) -> "RequestImages":
        return RequestImages(self)

    async def resolve(
        self, url: str, param: str, room: asyncio.Semaphore | None = None
    ) -> StoredPicture | CameraFrames:
        """
        Raise `LookoutError` that names *param* when there is nothing behind *url*.

        A picture that is to be fetched waits for its place in *room*.
        """
        try:
            return await self._resolve(url.strip(), room or asyncio.Semaphore())
        except LookoutError as error:
            error.param = error.param or param
            raise

    async def _resolve(self, url: str, room: asyncio.Semaphore) -> StoredPicture | CameraFrames:
        scheme = url.partition(":")[0].lower() if ":" in url else ""
        if scheme == "data":
            return await self._store.add_data_url(url)
        check_parts(url)
        url, frames, span_s = split_frames(url)
        if scheme in ("http", "https") and not await self._is_registered(url):
            async with room:
                fetched = await self._fetcher.get(url)
                if fetched.data is not None:
                    return await self._store.add(fetched.data)
            camera_id = await self._open(fetched.url)
        elif scheme in ("", "camera"):
            camera_id = await self._registered(re.sub("^camera://", "", url, flags=re.I).strip("/"))
        else:
            camera_id = await self._open(url)
        return CameraFrames(camera_id, frames, span_s)

    async def stream(self, stream: Stream, param: str) -> CameraFrames:
        """The ancestor's way to name a camera: several of its frames."""
        url, frames, span_s = stream.stream_id, stream.frames, stream.span_s
        try:
            camera_id = await self._registered(url.strip())
        except LookoutError as error:
            error.param = param
            raise
        settings = self._settings
        return CameraFrames(
            camera_id,
            settings.stream_frames if frames is None else frames,
            settings.stream_span_s if span_s is None else span_s,
        )

    async def _is_registered(self, url: str) -> bool:
        async with translated():
            return any(spec.url == url for spec in await self._cameras.wanted())

    async def _registered(self, camera_id: str) -> str:
        if not CAMERA_ID.fullmatch(camera_id):
            raise BadJob(f"{camera_id[:80]!r} is neither a URL nor a camera's id")
        async with translated():
            status = await self._cameras.get(camera_id)
            if status is None:
                raise missing(camera_id)
            if status.state != "live":
                await self._wait(camera_id, status.attempts)
            elif not status.explicit:
                await self._cameras.touch(camera_id, self._settings.camera_idle_s)
        return camera_id

    async def _open(self, url: str) -> str:
        spec = CameraSpec(implicit_id(url), url)
        async with translated():
            known = {wanted.url: wanted.id for wanted in await self._cameras.wanted()}
            if url not in known:
                await self._permit(url)
            spec = CameraSpec(known.get(url, spec.id), url)
            status = await self._cameras.get(spec.id)
            if status and status.state == "live":
                await self._cameras.touch(spec.id, self._settings.camera_idle_s)
                return spec.id
            if url not in known and len(known) >= self._settings.max_cameras:
                raise Overloaded(f"{len(known)} cameras are open already: see LOOKOUT_MAX_CAMERAS")
            await self._cameras.want(spec, self._settings.camera_idle_s)
            await self._wait(spec.id, status.attempts if status else 0)
        return spec.id

    async def _wait(self, camera_id: str, tried: int) -> None:
        await self._cameras.touch(camera_id, self._settings.camera_idle_s)
        await self._cameras.wait_live(camera_id, self._settings.camera_open_s, tried)

    async def _permit(self, url: str) -> None:
        check_camera(url, self._settings)
        parts = urlsplit(url)
        if parts.scheme in ("http", "https"):
            host = parts.hostname or ""
            if not await self._fetcher.may_open(host, parts.port or 80):
                raise BadJob(
                    f"{host} serves video: a camera behind http(s) must be registered, "
                    "or its host listed in LOOKOUT_ALLOW_HOSTS"
                )


class RequestImages:
    """
    The pictures of one request: what stands in it twice is looked up once.

    So the same URL shows the same picture throughout, and costs its server one visit.
    """

    def __init__(self, images: ImageUrls) -> None:
        self._images, self.stream = images, images.stream
        self._room = asyncio.Semaphore(AT_ONCE)
        self._turns = defaultdict[str, asyncio.Lock](asyncio.Lock)
        self._found = dict[str, StoredPicture | CameraFrames]()

    async def resolve(self, url: str, param: str) -> StoredPicture | CameraFrames:
        """As `ImageUrls.resolve` does it; of the same URL twice, the second one waits."""
        async with self._turns[url]:
            if url not in self._found:
                self._found[url] = await self._images.resolve(url, param, self._room)
            return self._found[url]


def split_frames(url: str) -> tuple[str, int, float]:
    """*url* without `?frames=4&span=2s`, which are ours, and what they say."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    ours = {key: value for key, value in query if key in ("frames", "span")}
    if not ours:
        return url, 1, 0.0
    rest = urlencode([item for item in query if item[0] not in ours])
    frames = _number(ours.get("frames", "1"))
    span_s = _span(ours.get("span", "1s" if frames > 1 else "0"))
    return urlunsplit(parts._replace(query=rest)), frames, span_s


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MAX_FRAMES:
        raise BadJob(f"frames={text[:20]}: use 1 to {MAX_FRAMES}")
    return int(text)


def _span(text: str) -> float:
    match = _SPAN.fullmatch(text)
    span_s = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else MAX_SPAN_S + 1
    if span_s > MAX_SPAN_S:
        raise BadJob(f"span={text[:20]}: use 0 to {MAX_SPAN_S:g} seconds: 2s, 500ms")
    return span_s
