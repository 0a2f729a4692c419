"""A reader gets the newest frame of its camera: whole, fresh, and of no other camera."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic, time

import numpy as np
import pytest
from redis.asyncio import Redis

from bus import names
from bus.cameras import Cameras
from bus.errors import CameraError, CameraStale, CameraTimeout, UnknownCamera
from bus.frames import FramePublisher, FrameWriter, open_publisher
from bus.messages import CameraSpec, encode
from bus.redis import open_redis
from bus.subscriber import FrameSubscriber, open_subscriber
from compose.ports import free_port
from tests.conftest import Run


class Studio:
    """A capture process and a reader in one: cameras are filmed by hand."""

    def __init__(
        self, redis: Redis, publisher: FramePublisher, run_dir: Path, reader: FrameSubscriber
    ) -> None:
        self.redis, self.publisher, self.run_dir, self.reader = redis, publisher, run_dir, reader
        self.writers: dict[str, FrameWriter] = {}

    async def film(
        self, camera: str, value: int, shape: tuple[int, int] = (8, 12), age_s: float = 0.0
    ) -> None:
        """Publish a frame of one grey *value*."""
        writer = self.writers.get(camera) or self.open(camera)
        pixels = np.full((*shape, 3), value, np.uint8)
        writer.write(pixels, time() - age_s, monotonic() - age_s, 0.0)
        await self.status(camera, state="live")

    def open(self, camera: str) -> FrameWriter:
        writer = FrameWriter(
            str(self.run_dir), camera, self.publisher, lambda call, *what: call(*what)
        )
        self.writers[camera] = writer
        return writer

    async def status(self, camera: str, **fields: str) -> None:
        await self.redis.hset(names.CAMERAS, camera, encode(CameraSpec(camera, "test:")))
        known = {
            "id": camera,
            "url": "test:",
            "instance": self.writers[camera].instance if camera in self.writers else "",
            "endpoint": self.publisher.endpoint,
            "remote": self.publisher.remote,
        }
        await self.redis.hset(names.camera(camera), mapping=known | fields)  # type: ignore[arg-type]

    async def value(self, camera: str, within_s: float = 5.0, after: float = 0.0) -> int:
        """The grey value of the newest frame."""
        pixels = (await self.reader.newest(camera, within_s, after)).pixels
        assert (pixels.max(), pixels.min()) == (pixels[0, 0, 0], pixels[0, 0, 0])
        return int(pixels[0, 0, 0])


@asynccontextmanager
async def studio(url: str, folder: Path, remote: bool = False) -> AsyncGenerator[Studio]:
    address = f"tcp://127.0.0.1:{free_port()}" if remote else ""
    elsewhere = folder / "elsewhere" if remote else folder  # there it finds no ring
    async with open_redis(url) as redis, open_publisher(str(folder), "c1", address) as publisher:
        cameras = Cameras(redis)
        with open_subscriber(cameras, str(elsewhere)) as reader:
            answering = asyncio.create_task(publisher.run())
            yield Studio(redis, publisher, folder, reader)
            answering.cancel()


def test_a_new_reader_waits_for_nothing(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:
            await s.film("a", 7)
            assert await s.value("a") == 7  # filmed before anybody listened

    run(scenario())


def test_a_reader_that_was_away_gets_the_newest(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:
            await s.film("a", 0)
            assert await s.value("a") == 0
            for value in range(1, 30):  # more than the ring has slots
                await s.film("a", value)
                await asyncio.sleep(0.002)
            while await s.value("a") != 29:  # it is under way
                pass
            for value in range(30, 33):
                await s.film("a", value)
                await asyncio.sleep(0.01)
            assert await s.value("a") == 32  # and not one that was waiting in a buffer

    run(scenario())


def test_cameras_with_similar_names_are_not_mixed_up(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:
            await s.film("cam1", 1)
            await s.film("cam10", 10)
            assert await s.value("cam1") == 1
            before = time()
            await s.film("cam10", 11)
            assert await s.value("cam10", after=before) == 11
            assert await s.value("cam1") == 1

    run(scenario())


def test_frames_may_grow_and_shrink(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:
            for value, shape in ((1, (8, 12)), (2, (80, 120)), (3, (4, 4))):
                before = time()
                await s.film("a", value, shape)
                frame = await s.reader.newest("a", 5, before)
                assert frame.pixels.shape == (*shape, 3)
                assert frame.pixels[0, 0, 0] == value

    run(scenario())
    assert len(list(tmp_path.glob("a.*.ring"))) == 1


def test_no_frame_of_a_replaced_camera_is_used(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:
            await s.film("a", 1)
            assert await s.value("a") == 1
            s.writers.pop("a").close()
            await s.status("a", state="connecting", instance="")
            with pytest.raises(CameraTimeout):
                await s.value("a", within_s=0.2)
            await s.film("a", 2)
            assert await s.value("a") == 2

    run(scenario())


def test_all_who_wait_for_a_camera_get_a_frame_of_its_successor(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:
            await s.film("a", 1)
            assert await s.value("a") == 1
            last = time()
            waiting = [asyncio.create_task(s.value("a", after=last)) for _ in range(4)]
            glance = asyncio.create_task(s.reader.glance("a", 20, last))
            await asyncio.sleep(0.1)
            s.writers.pop("a").close()
            await s.film("a", 2)
            assert await s.value("a") == 2  # whoever comes now closes what the others wait for
            assert await asyncio.gather(*waiting) == [2] * 4
            assert await glance is None

    run(scenario())


def test_an_old_frame_is_no_frame(run: Run, redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:
            await s.film("a", 1, age_s=10)
            with pytest.raises(CameraTimeout):
                await s.value("a", within_s=0.2)

    run(scenario())


def test_what_is_wrong_with_a_camera_is_said_at_once(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:
            with pytest.raises(UnknownCamera):
                await s.value("nobody")
            await s.status("a", state="down", error="connection refused")
            with pytest.raises(CameraError, match="connection refused"):
                await s.value("a")
            await s.status("a", state="stale", error="")
            with pytest.raises(CameraStale):
                await s.value("a")

    run(scenario())


def test_a_series_is_exact_in_number_and_oldest_first(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path) as s:

            async def film_on() -> None:
                for value in range(1, 200):
                    await s.film("a", value)
                    await asyncio.sleep(0.01)

            await s.film("a", 0)
            filming = asyncio.create_task(film_on())
            frames = await s.reader.series("a", 4, 0.3, within_s=5)
            filming.cancel()
            numbers = [frame.descriptor.seq for frame in frames]
            assert len(frames) == 4
            assert numbers == sorted(set(numbers))
            times = [frame.descriptor.captured_at for frame in frames]
            assert times[-1] - times[0] >= 0.2

    run(scenario())


def test_a_reader_on_another_host_sees_the_same_picture(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with studio(redis_url, tmp_path, remote=True) as s:
            await s.film("a", 100)
            reading = asyncio.create_task(s.reader.newest("a", 10))
            while not s.publisher.wants_jpeg("a"):
                await asyncio.sleep(0.005)
            await s.film("a", 101)
            frame = await reading
            assert (frame.local, frame.pixels.shape) == (False, (8, 12, 3))
            assert abs(int(frame.pixels[0, 0, 0]) - 101) <= 1
            s.reader.close()
            while s.publisher.wants_jpeg("a"):  # nobody left: nothing more is encoded
                await asyncio.sleep(0.005)

    run(scenario())


def test_a_long_run_directory_gets_a_short_socket_that_goes(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    places = list[Path]()

    async def scenario() -> None:
        async with open_publisher(str(folder), "capture-abcdef") as publisher:
            places.append(Path(publisher.endpoint.removeprefix("ipc://")))

    run(scenario())
    (socket,) = places
    assert len(str(socket)) < 80
    assert not socket.parent.exists()
