"""Eight cameras at once on a small machine."""

from pathlib import Path
from time import monotonic

from bus.messages import CameraSpec
from tests.capture.process import Capture, capturing, neighbour
from tests.conftest import Run
from tests.pictures import number_in
from tests.videos import write_video

FPS, SECONDS = 15, 20
IDS = [f"yard{number}" for number in range(8)]


def test_eight_cameras_are_live_and_each_gives_its_newest_frame(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    film = write_video(tmp_path / "film.mp4", range(FPS * SECONDS), size=(1280, 720), fps=FPS)

    async def scenario(capture: Capture) -> None:
        async with neighbour(redis_url, tmp_path / "run") as we:
            for name in IDS:
                spec = CameraSpec(name, f"file://{film}?loop=1", explicit=True)
                await we.cameras.add(spec)
            began = {}
            for name in IDS:
                status = await we.cameras.wait_live(name, 20)
                assert (status.width, status.height) == (1280, 720)
                frame = await we.frames.newest(name, 5)
                began[name] = monotonic() - frame.age_s - number_in(frame.pixels) / FPS
            for name in IDS * 3:
                frame = await we.frames.newest(name, 5)
                shown = number_in(frame.pixels) / FPS
                played = (monotonic() - began[name]) % SECONDS
                # newest: the film is where the clock says it is
                late = min(abs(played - shown), SECONDS - abs(played - shown))
                assert late < 1.0, (name, played, shown)
                assert frame.age_s < 0.5

    with capturing(redis_url, tmp_path / "run", CAMERA_OPEN_S="10") as capture:
        run(scenario(capture))
