"""Eight cameras at once: what each costs while somebody watches, and while nobody does."""

import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av

from capture.demo.render import Renderer
from capture.demo.script import scene_at
from tests.bench.frames import result
from tests.bench.plan import Plan
from tests.bench.processes import Clock, child, python, said
from tests.bench.services import serving
from tests.bench.table import Row, Section, more_ms, ms, percentile, times

WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 15, 4
START_S = 4.0


def measure(folder: Path, memory: Path, plan: Plan) -> Section:
    folder.mkdir(parents=True)
    film = write_film(folder / "yard.mp4")
    floor_ms = decoding_ms(film)
    names = [f"yard{number}" for number in range(plan.cameras)]
    with serving(folder / "services", memory, ()) as services, ExitStack() as stack:
        env = {
            **services.env,
            "LOOKOUT_CAMERAS": " ".join(f"{name}=file://{film}?loop=1" for name in names),
        }
        log = stack.enter_context((folder / "log").open("w"))
        capture = stack.enter_context(child(python("capture"), env, log))
        time.sleep(START_S)
        clock = Clock({"capture": capture.pid})
        time.sleep(plan.cameras_s)
        resting_s = clock.spent_s()["capture"]
        reader = stack.enter_context(child(python("tests.bench.reader", *names), services.env))
        said(reader)
        time.sleep(1)
        clock, began = Clock({"capture": capture.pid}), time.monotonic()
        time.sleep(plan.cameras_s)
        watched_s, ended = clock.spent_s()["capture"], time.monotonic()
        ages = [age for _, _, age in result(reader, began, ended)]
    frames = plan.cameras * FPS * plan.cameras_s
    interval_ms = 1000 / FPS
    return Section(
        f"{plan.cameras} cameras of {HEIGHT}p, {FPS} H.264 frames a second each",
        [
            Row(
                "processor time of capture, per frame, watched",
                ms(watched_s * 1000 / frames),
                ms(floor_ms),
                times(watched_s * 1000 / frames, floor_ms),
            ),
            Row(
                "the same, while nobody watches",
                ms(resting_s * 1000 / frames),
                ms(floor_ms),
                times(resting_s * 1000 / frames, floor_ms),
            ),
            Row(
                "share of a core, per camera: watched; unwatched",
                f"{100 * watched_s / plan.cameras_s / plan.cameras:.1f} %; "
                f"{100 * resting_s / plan.cameras_s / plan.cameras:.1f} %",
            ),
            Row("frames that reached the reader", f"{len(ages) / frames:.1%}"),
            Row("age of a frame at its reader, p50", ms(percentile(ages, 50))),
            Row(
                "age of a frame at its reader, p99",
                ms(percentile(ages, 99)),
                ms(interval_ms),
                more_ms(percentile(ages, 99) - interval_ms),
            ),
        ],
        ["The floor is decoding alone, in one thread; then comes the frame interval."],
    )


def write_film(path: Path) -> Path:
    """The demo yard as a recorder would keep it, a key frame every two seconds."""
    renderer = Renderer(WIDTH, HEIGHT)
    with av.open(path, "w") as file:
        video = file.add_stream("libx264", rate=FPS)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.gop_size = 2 * FPS
        video.codec_context.options = {"preset": "veryfast", "tune": "zerolatency"}
        for number in range(FPS * SECONDS):
            frame = av.VideoFrame.from_ndarray(renderer.render(scene_at(number / FPS), number))
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            file.mux(video.encode(frame))
        file.mux(video.encode())
    return path


def decoding_ms(film: Path) -> float:
    """Processor time to decode one frame, and nothing else."""
    with av.open(film) as file:
        file.streams.video[0].codec_context.thread_count = 1
        began = time.process_time()
        count = sum(1 for _ in file.decode(video=0))
    return (time.process_time() - began) * 1000 / count
