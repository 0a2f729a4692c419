"""What Prometheus reads about rules and alerts, after everything else."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec
from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from api import metrics
from api.shapes.stating import other
from bus.alerts import AlertEvent, Standing, decode_event
from bus.errors import Unavailable
from bus.redis import translated
from bus.rulebook import Rulebook
from bus.rules import Rule

PHASES = {"ok": 0, "pending": 1, "firing": 2}
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LABELS = ("rule", "camera")


class AlertTimes:
    """How long it took from a frame to its alert; of every event that this process has read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._judge = Histogram(
            "lookout_alert_judge_seconds",
            "Time of the judgement that an alert event came of",
            buckets=SECONDS,
            registry=registry,
        )
        self._total = Histogram(
            "lookout_alert_capture_to_event_seconds",
            "Time from a frame's capture to its alert event",
            buckets=SECONDS,
            registry=registry,
        )

    def observe(self, data: bytes) -> None:
        with suppress(msgspec.DecodeError):
            event = decode_event(data)
            if isinstance(event, AlertEvent) and event.type != "updated" and event.timings_ms:
                self._judge.observe(event.timings_ms.judge / 1000)
                self._total.observe(event.timings_ms.capture_to_event / 1000)


class _Standings(Collector):
    """Made anew each time, so a rule that is gone leaves no series."""

    def __init__(self, rules: Sequence[Rule], standings: Mapping[str, Sequence[Standing]]) -> None:
        self._rules, self._standings = rules, standings

    def collect(self) -> Iterable[Metric]:
        status = GaugeMetricFamily(
            "alert_status",
            "1 while the rule fires on any camera",
            labels=("alert_number", "alert_string"),
        )
        for rule in self._rules:
            phases = [standing.phase for standing in self._standings.get(rule.id, ())]
            status.add_metric((rule.id, rule.question), float("firing" in phases))
        return status, *self._by_camera()

    def _by_camera(self) -> tuple[Metric, ...]:
        score = GaugeMetricFamily("lookout_rule_score", "P(yes), lately", labels=LABELS)
        state = GaugeMetricFamily(
            "lookout_rule_state", "0: ok, 1: pending, 2: firing", labels=LABELS
        )
        interval = GaugeMetricFamily(
            "lookout_rule_interval_seconds", "Between judgements, lately", labels=LABELS
        )
        judged = CounterMetricFamily("lookout_rule_judged", "Judgements", labels=LABELS)
        skipped = CounterMetricFamily(
            "lookout_rule_skipped", "Judgements that were not needed", labels=LABELS
        )
        for standing in self._known():
            labels = standing.rule, standing.camera
            if standing.score is not None:
                score.add_metric(labels, standing.score)
            state.add_metric(labels, PHASES[standing.phase])
            interval.add_metric(labels, standing.every_s)
            judged.add_metric(labels, standing.judged)
            skipped.add_metric(labels, standing.skipped)
        return score, state, interval, judged, skipped

    def _known(self) -> Iterable[Standing]:
        for rule in self._rules:
            yield from self._standings.get(rule.id, ())


router = APIRouter(tags=["operation"], default_response_class=Response)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    responses=other("text/plain", "In version 0.0.4 of its format."),
)
async def get_metrics(request: Request) -> Response:
    """Text of Prometheus; while Redis is away, only what this process knows itself."""
    rules: Rulebook = request.app.state.rules
    answer, more = await asyncio.gather(metrics.metrics(request), _told(rules))
    return Response(bytes(answer.body) + more, media_type=answer.media_type)


async def _told(rules: Rulebook) -> bytes:
    registry = CollectorRegistry()
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(metrics.WAIT_S), translated():
            registry.register(_Standings(await rules.all(), await rules.standings()))
    return generate_latest(registry)
