"""What Prometheus reads: our own counters, and the state that other processes report."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from redis.asyncio import Redis
from starlette.responses import Response

from bus import names
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


# Of the last chat that was answered, under the ancestor's names.
LAST = {
    "embed_time": "Reading and preparing the pictures, seconds",
    "input_tokens": "Tokens of the prompt, pictures included",
    "output_tokens": "Tokens of the answer",
    "prefill_time": "From the engine's start to the first token, seconds",
    "prefill_rate": "Tokens of the prompt per second of that",
    "decode_time": "From the first token to the last one, seconds",
    "decode_rate": "Tokens of the answer per second of that",
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
        self._last = {
            name: Gauge(name, text, registry=self.registry) for name, text in LAST.items()
        }
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
        for name, value in speeds(last).items():
            self._last[name].set(value)


def speeds(last: Finished) -> dict[str, float]:
    """The numbers of `LAST`."""
    prefill_s = last.timings.first_token / 1000
    decode_s = max(0.0, last.timings.engine / 1000 - prefill_s)
    return {
        "embed_time": last.timings.pictures / 1000,
        "input_tokens": last.prompt_tokens,
        "output_tokens": last.completion_tokens,
        "prefill_time": prefill_s,
        "prefill_rate": last.prompt_tokens / prefill_s if prefill_s else 0.0,
        "decode_time": decode_s,
        "decode_rate": last.completion_tokens / decode_s if decode_s else 0.0,
    }


async def _depths(redis: Redis, models: Iterable[str]) -> dict[tuple[str, str], int]:
    """How many jobs wait or run, by model and lane: an answered one leaves its lane."""
    lanes = [(model, lane) for model in sorted(set(models)) for lane in names.LANES]
    async with redis.pipeline(transaction=False) as pipe:
        for model, lane in lanes:
            pipe.xlen(names.jobs(model, lane))
        return dict(zip(lanes, await pipe.execute(), strict=True))


def _reported(
    cameras: Iterable[CameraStatus],
    workers: Iterable[WorkerInfo],
    depths: Mapping[tuple[str, str], int],
) -> bytes:
    """Gauges of what others report, made anew each time: what is gone leaves no series."""
    registry = CollectorRegistry()
    depth = Gauge(
        "lookout_lane_depth", "Jobs that wait or run", ["model", "lane"], registry=registry
    )
    for (model, lane), jobs in depths.items():
        depth.labels(model, lane).set(jobs)
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
    lost = Gauge("lookout_worker_restarts", "Engines that it has lost", labels, registry=registry)
    for worker in workers:
        slots.labels(worker.model, worker.id).set(worker.slots)
        busy.labels(worker.model, worker.id).set(worker.busy)
        done.labels(worker.model, worker.id).set(worker.done)
        lost.labels(worker.model, worker.id).set(worker.restarts)
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
            workers = state.models.workers
            depths = await _depths(state.redis, (worker.model for worker in workers))
            content += _reported(await cameras.all(), workers, depths)
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")
