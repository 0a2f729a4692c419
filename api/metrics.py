"""What Prometheus reads: our own counters, and the state that other processes report."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.responses import Response

from bus.cameras import Cameras, CameraStatus
from bus.errors import Unavailable
from bus.messages import Finished
from bus.redis import translated
from bus.workers import WorkerInfo

WAIT_S = 1.0  # for Redis; whoever scrapes has no patience
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


CAMERA_GAUGES = {
    "live": "1 while frames come",
    "fps": "Frames published per second; fewer while nobody watches",
    "fps_in": "Frames that arrive per second",
    "last_frame_timestamp_seconds": "When the newest frame arrived, unix seconds",
    "attempts": "Times it was opened, since its process has it",
    "reconnects": "Times it came back, since its process has it",
    "drops": "Frames that came damaged or too fast, since its process has it",
}


class Metrics:
    """Counters of this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lookout_chat_requests",
            "Chat completions by outcome: ok, gone, or the error's code",
            ["outcome"],
            registry=self.registry,
        )
        stages = Histogram(
            "lookout_chat_seconds",
            "Time of an answered chat in each stage",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._frame_age = Histogram(
            "lookout_frame_age_seconds",
            "Age of the frame when the engine started",
            buckets=_SECONDS,
            registry=self.registry,
        )
        tokens = Counter("lookout_tokens", "Tokens by kind", ["kind"], registry=self.registry)
        # To look a label up costs as much as to count.
        self._ok = self.requests.labels("ok")
        self._prompt, self._completion = tokens.labels("prompt"), tokens.labels("completion")
        self._stage = {
            stage: stages.labels(stage)
            for stage in ("queue", "pictures", "first_token", "engine", "total")
        }

    def answered(self, last: Finished, total_s: float) -> None:
        self._ok.inc()
        timings = last.timings
        self._stage["queue"].observe(timings.queue / 1000)
        self._stage["pictures"].observe(timings.pictures / 1000)
        self._stage["first_token"].observe(timings.first_token / 1000)
        self._stage["engine"].observe(timings.engine / 1000)
        self._stage["total"].observe(total_s)
        for frame in last.frames:
            self._frame_age.observe(frame.age_ms / 1000)
        self._prompt.inc(last.prompt_tokens)
        self._completion.inc(last.completion_tokens)


def _reported(cameras: Iterable[CameraStatus], workers: Iterable[WorkerInfo]) -> bytes:
    """Gauges of what others report, made anew each time: what is gone leaves no series."""
    registry = CollectorRegistry()
    gauges = {
        name: Gauge(f"lookout_camera_{name}", text, ["camera"], registry=registry)
        for name, text in CAMERA_GAUGES.items()
    }
    for camera in cameras:
        for name, gauge in gauges.items():
            gauge.labels(camera.id).set(_number(camera, name))
    labels = ["model", "worker"]
    slots = Gauge("lookout_worker_slots", "Jobs it can run at once", labels, registry=registry)
    busy = Gauge("lookout_worker_busy", "Jobs it runs", labels, registry=registry)
    done = Gauge("lookout_worker_jobs", "Jobs since it started", labels, registry=registry)
    for worker in workers:
        slots.labels(worker.model, worker.id).set(worker.slots)
        busy.labels(worker.model, worker.id).set(worker.busy)
        done.labels(worker.model, worker.id).set(worker.done)
    return generate_latest(registry)


def _number(camera: CameraStatus, gauge: str) -> float:
    if gauge == "live":
        return float(camera.state == "live")
    field = "last_frame_at" if gauge == "last_frame_timestamp_seconds" else gauge
    return float(getattr(camera, field))


router = APIRouter()


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Text of Prometheus; while Redis is away, only what this process knows itself."""
    state = request.app.state
    cameras: Cameras = state.cameras
    content = generate_latest(state.metrics.registry)
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(WAIT_S), translated():
            content += _reported(await cameras.all(), state.models.workers)
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")
