"""
`lookout demo`: the main job, on what comes with Lookout, checked against the truth.

A stack of its own is started on free ports; the demo camera tells its story three times
as fast; as things come and go, the same questions are asked through the OpenAI API. What
the frame of each answer showed is known from the script, by the frame's number.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import av
import httpx

from capture.demo.script import PERIOD_S, steady_spans, truth_at
from capture.demo.story import Span
from capture.sources.demo import film_of
from compose.ports import free_port
from compose.quiz import QUESTIONS, Question

CAMERA = "demo:?speed=3"
FILM = film_of(CAMERA)
PREVIEW_FRAMES = 30
# Of its own, for a minute: whatever the settings say, only this machine asks it, without a key.
ALONE = {"LOOKOUT_AUTH": "off", "LOOKOUT_PREVIEW_HOST": "127.0.0.1"}
RULE = {"id": "fire", "question": "Is there a fire?", "every_s": 0.3, "refresh_s": 2}


def run(options: argparse.Namespace) -> int:
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="lookout-demo-") as folder:
        try:
            with _stack(Path(folder)) as (server, player):
                _say(f"started in {monotonic() - began:.1f} s: {server}\n")
                _add_rule(server)
                results = _watch(server)
                _look(player)
                alerted = _show_alert(server)
        except DemoError as error:
            sys.stderr.write(f"lookout demo: {error}\n")
            return 1
    wrong = results.count(False)
    _say(
        f"\n{len(results)} answers checked against the script of the scene, {wrong} wrong, "
        f"in {monotonic() - began:.1f} s altogether\n"
    )
    return 1 if wrong or len(results) < len(QUESTIONS) or not alerted else 0


class DemoError(Exception):
    """The demo could not be shown, and why."""


@contextmanager
def _stack(folder: Path) -> Iterator[tuple[str, str]]:
    """The address of a stack that runs as long as the block, and of its preview."""
    server, player = f"http://127.0.0.1:{free_port()}", f"rtsp://127.0.0.1:{free_port()}/out"
    command = [
        *(sys.executable, "-m", "lookout", "up", "--host", "127.0.0.1"),
        *("--port", server.rpartition(":")[2]),
        *("--data-dir", str(folder / "data"), "--run-dir", str(folder / "run")),
        *("--camera", f"demo={CAMERA}"),
        *("--preview-port", player.rpartition(":")[2].removesuffix("/out")),
    ]
    log = folder / "log"
    _say("starting Valkey, capture, inference, alerts, preview and api …\n")
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, env={**os.environ, **ALONE}, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            if not (process.stdout and process.stdout.readline().startswith("ready")):
                raise DemoError(f"the stack did not start:\n{log.read_text()[-2000:]}")
            yield server, player
        finally:
            process.terminate()


def _add_rule(server: str) -> None:
    """Watched from now on, whatever is asked meanwhile."""
    answer = httpx.post(f"{server}/v1/rules", json=RULE, timeout=10, trust_env=False)
    if answer.status_code != 201:
        raise DemoError(f"the rule was not taken: {answer.text}")


def _show_alert(server: str) -> bool:
    """The alert that fired while the fire burnt, and was over after it; False if there is none."""
    with httpx.Client(base_url=server, timeout=10, trust_env=False) as client:
        found = client.get("/v1/alerts", params={"rule": "fire"}).json()["data"]
        _say(f"\nrule: {RULE['question']} was judged all the time; {len(found)} alert")
        if len(found) != 1 or found[0]["state"] != "resolved":
            return False
        fired, resolved = found[0]["fired"], found[0]["resolved"]
        path = Path(tempfile.gettempdir()) / "lookout-demo-alert.jpg"
        path.write_bytes(client.get(fired["snapshot"]).raise_for_status().content)
    took_ms = fired["timings_ms"]["capture_to_event"]
    _say(
        f"  fired     {fired['at']}, {took_ms:.0f} ms after the frame was captured, "
        f"score {fired['score']:.2f}\n"
        f"  resolved  {resolved['at']}, {resolved['duration_s']:.1f} s after it began\n"
        f"  picture   {path}"
    )
    return True


def _look(player: str) -> None:
    """Watch the preview for a moment, as VLC would."""
    began = monotonic()
    try:
        with av.open(player, options={"rtsp_transport": "tcp"}, timeout=15) as video:
            frames = list(islice(video.decode(video=0), PREVIEW_FRAMES))
    except av.FFmpegError as error:
        raise DemoError(f"the preview at {player} cannot be watched: {error}") from error
    shown = f"{frames[-1].width}x{frames[-1].height}, {len(frames)} pictures"
    _say(f"\npreview: {player} shows {shown} in {monotonic() - began:.1f} s, with the last answer")


@dataclass(frozen=True)
class Answered:
    text: str
    seq: int
    age_ms: float
    took_ms: float

    @property
    def scene_s(self) -> float:
        return FILM.scene_s(self.seq) % PERIOD_S


def _watch(server: str) -> list[bool]:
    """One round of the story: every question in every moment that stands still."""
    results: list[bool] = []
    with httpx.Client(base_url=server, timeout=30, trust_env=False) as client:
        at = _ask(client, "Is there a person?").scene_s
        spans = sorted(steady_spans(), key=lambda span: (span.starts - at) % PERIOD_S)
        for span in spans:
            _wait_for(client, span)
            results += _question_time(client, span)
    return results


def _wait_for(client: httpx.Client, span: Span) -> None:
    """Return when the newest frame shows *span*: it is told by asking, as a client would."""
    while not span.starts <= (at := _ask(client, "Is there a person?").scene_s) <= span.ends:
        wait_s = (span.starts - at) % PERIOD_S / FILM.speed
        _progress(f"  the scene changes, {wait_s:.1f} s …")
        sleep(wait_s + 1 / FILM.fps)


def _question_time(client: httpx.Client, span: Span) -> list[bool]:
    results = []
    middle = truth_at((span.starts + span.ends) / 2)
    seen = ", ".join(
        f"{thing.colour or ''} {thing.kind} {thing.place}".strip() for thing in middle.seen
    )
    _say(f"{middle.light}: {seen or 'nothing in view'}")
    for question in QUESTIONS:
        if question.right(middle) is None:
            continue
        answered = _ask(client, question.text)
        truth = truth_at(answered.scene_s)
        if not truth.steady:  # the moment passed: no answer would be right or wrong
            break
        results.append(question.is_right(answered.text, truth))
        _show(question, answered, results[-1])
    return results


def _ask(client: httpx.Client, question: str) -> Answered:
    content = [
        {"type": "image_url", "image_url": {"url": "demo"}},
        {"type": "text", "text": question},
    ]
    began = monotonic()
    body = {"model": "default", "messages": [{"role": "user", "content": content}]}
    answer = client.post("/v1/chat/completions", json=body)
    took_ms = (monotonic() - began) * 1000
    result: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        raise DemoError(f"no answer: {result['error']['message']}")
    frame = result["lookout"]["frames"][0]
    text = result["choices"][0]["message"]["content"]
    return Answered(text, frame["seq"], frame["age_ms"], took_ms)


def _show(question: Question, answered: Answered, right: bool) -> None:
    _say(
        f"  {'right' if right else 'WRONG'}  {question.text:<28} {answered.text}\n"
        f"         frame {answered.seq}, {answered.age_ms:.0f} ms old; "
        f"answered in {answered.took_ms:.0f} ms"
    )


def _say(text: str) -> None:
    sys.stdout.write(f"\r\033[K{text}\n" if sys.stdout.isatty() else f"{text}\n")
    sys.stdout.flush()


def _progress(text: str) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\033[K{text}")
        sys.stdout.flush()
