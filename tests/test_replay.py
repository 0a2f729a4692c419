"""Rules over recordings: what they would have told, exactly; and what is said about that."""

import base64
import csv
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree

import av
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lookout
from bus.alerts import Alert, AlertEvent, RuleRef
from bus.errors import EngineError
from bus.jpeg import decode_jpeg, encode_jpeg
from bus.rule_parsing import parse_rule
from capture.demo.random_world import CONDITIONS
from capture.demo.render import Renderer
from capture.demo.scene import Kind
from capture.demo.script import scene_at, truth_at
from compose.replay.chart import outline, ticks
from compose.replay.labels import merged
from compose.replay.playing import Played, Player, Setting
from compose.replay.recording import Moment, demo_of
from compose.replay.rules import load_rules
from compose.replay.scripted import scripted
from compose.replay.spans import (
    Span,
    Truth,
    accuracy,
    calibration_error,
    certain,
    compare,
)
from compose.replay.thresholds import (
    alerts_per_day,
    by_answers,
    by_gap,
    simulate,
    suggest,
)
from inference.engine import Judgement
from tests.conftest import Run
from tests.inference.desk import Behaviour, grey
from tests.pictures import Pixels

FPS = 10
DARK, BRIGHT = 51, 204  # which the echo engine scores 0.2 and 0.8
QUESTION = "Is it bright?"
ROOT = Path(__file__).parents[1]


def write_film(path: Path, pictures: Sequence[Pixels], fps: int = FPS) -> Path:
    """Without a loss, so that scores are exact."""
    with av.open(path, "w") as file:
        video = file.add_stream("ffv1", rate=fps)
        assert isinstance(video, av.VideoStream)
        video.height, video.width, _ = pictures[0].shape
        video.pix_fmt = "bgr0"
        for place, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = place, Fraction(1, fps)
            file.mux(video.encode(frame))
        file.mux(video.encode())
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds: bright from the third to the sixth."""
    seconds = (DARK,) * 3 + (BRIGHT,) * 3 + (DARK,) * 4
    pictures = [np.full((72, 96, 3), value, np.uint8) for value in seconds for _ in range(FPS)]
    return write_film(tmp_path_factory.mktemp("film") / "lamp.mkv", pictures)


def replay(film: Path | str, out: Path, *arguments: str) -> int:
    options = ("--out", str(out), "--model", "echo:", *arguments)
    return lookout.main(["replay", str(film), *options])


def events(out: Path) -> list[tuple[str, float]]:
    """What happened, and when by the recording."""
    found = msgspec.json.decode((out / "events.json").read_bytes(), type=list[AlertEvent])
    return [(one.type, float(str(one.captured_at)[17:-1])) for one in found]


def outcomes(out: Path, outcome: str) -> list[float]:
    with (out / "scores.csv").open() as table:
        return [float(row["time"]) for row in csv.DictReader(table) if row["outcome"] == outcome]


def test_an_alert_fires_and_is_over_when_the_film_says_so(film: Path, tmp_path: Path) -> None:
    assert replay(film, tmp_path, "--rule", QUESTION, "--set", "gate=none") == 0
    assert events(tmp_path) == [("fired", 3.0), ("resolved", 6.0)]
    assert outcomes(tmp_path, "judged") == list(range(10))
    with (tmp_path / "scores.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["score"] for row in rows] == ["0.2000"] * 3 + ["0.8000"] * 3 + ["0.2000"] * 4
    assert {row["rule"] for row in rows} == {"rule-1"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["for_s=1.5"], [("fired", 5.0), ("resolved", 6.0)]),
        (["for_s=5"], []),
        (["clear_s=2"], [("fired", 3.0), ("resolved", 8.0)]),
        (["clear_s=20"], [("fired", 3.0)]),
        (["on=0.85"], []),
        (["on=0.1", "cooldown_s=0"], [("fired", 0.0)]),
        (["every_s=4", "gate=none"], [("fired", 3.0), ("resolved", 6.0)]),  # the light jumps
    ],
)
def test_what_a_rule_says_counts_in_the_time_of_the_recording(
    film: Path, tmp_path: Path, changes: list[str], expected: list[tuple[str, float]]
) -> None:
    sets = [part for change in changes for part in ("--set", change)]
    assert replay(film, tmp_path, "--rule", QUESTION, *sets) == 0
    assert events(tmp_path) == expected


@pytest.mark.parametrize(
    ("change", "judged"),
    [
        # After a change once more: that is what stays.
        ("gate=motion", [0, 3, 4, 6, 7]),
        ("refresh_s=2", [0, 2, 3, 4, 6, 7, 9]),
        ("gate=none", list(range(10))),
    ],
)
def test_the_gate_spares_what_stands_still(
    film: Path, tmp_path: Path, change: str, judged: list[float]
) -> None:
    assert replay(film, tmp_path, "--rule", QUESTION, "--set", change) == 0
    assert outcomes(tmp_path, "judged") == judged
    assert outcomes(tmp_path, "skipped") == [n for n in range(10) if n not in judged]


class Watches(Behaviour):
    """Remembers how bright the pictures were that it was shown."""

    def __init__(self) -> None:
        self.shown: list[list[int]] = []

    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        self.shown.append([int(picture[0, 0, 0]) for picture in pictures])
        return Judgement((0.5,) * len(questions), "logits")


def test_a_rule_about_several_pictures_gets_them_oldest_first(run: Run) -> None:
    async def scenario() -> None:
        engine = Watches()
        rule = parse_rule({"question": "x", "frames": 3, "span_s": 2, "gate": "none"})
        moments = [Moment(n / 5, n, grey(n)) for n in range(21)]
        await Player(engine, Setting("model"), Played([rule])).play(moments, lambda at_s: None)
        assert engine.shown == [[0], [0, 5], [0, 5, 10], [5, 10, 15], [10, 15, 20]]

    run(scenario())


class BreaksAfterThree(Watches):
    async def judge(self, pictures: Sequence[Pixels], questions: Sequence[str]) -> Judgement:
        if len(self.shown) == 3:
            raise EngineError("broken")
        return await super().judge(pictures, questions)


def test_what_was_judged_before_the_engine_broke_is_kept(run: Run) -> None:
    async def scenario() -> None:
        played = Played([parse_rule({"question": "x", "gate": "none"})])
        moments = [Moment(float(n), n, grey(n)) for n in range(9)]
        with pytest.raises(EngineError):
            await Player(BreaksAfterThree(), Setting("model"), played).play(
                moments, lambda at_s: None
            )
        assert [look.at_s for look in played.looks] == [0, 1, 2]

    run(scenario())


def test_rules_of_a_settings_file_are_judged_with_their_zones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half = np.full((100, 200, 3), 255, np.uint8)
    half[:, :100] = 0
    film = write_film(tmp_path / "half.mkv", [half] * 10)
    rules = tmp_path / "lookout.toml"
    rules.write_text(
        """
        port = 9001
        [rules.left]
        question = "Is it bright?"
        zones = { "*" = { polygon = [[0, 0], [0.4, 0], [0.4, 1], [0, 1]] } }
        [rules.right]
        question = "Is it bright?"
        enabled = false
        zones = { gate = { polygon = [[0.6, 0], [1, 0], [1, 1], [0.6, 1]] } }
        """
    )
    out = tmp_path / "out"
    assert replay(film, out, "--rules", str(rules), "--camera", "gate") == 0
    with (out / "scores.csv").open() as table:
        scores = {row["rule"]: float(row["score"]) for row in csv.DictReader(table)}
    assert scores == {"left": 0.0, "right": 1.0}
    (event,) = json.loads((out / "events.json").read_text())
    assert (event["rule"]["id"], event["camera"], event["score"]) == ("right", "gate", 1.0)
    assert "right: Is it bright?\n  alerts      0:00.0 to the end (1.00)" in capsys.readouterr().out


def test_events_have_the_time_of_day_and_rules_their_schedules(film: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    window = {"from": "17:00", "to": "17:20", "zone": "UTC"}
    rules.write_text(json.dumps([{"id": "lamp", "question": QUESTION, "schedule": window}]))
    start = "2026-11-23T17:19:55Z"  # so that it is over after five seconds
    assert replay(film, tmp_path, "--rules", str(rules), "--start", start) == 0
    fired, over = json.loads((tmp_path / "events.json").read_text())
    assert fired["captured_at"] == "2026-11-23T17:19:58.000Z"
    assert (over["type"], over["reason"]) == ("resolved", "disabled")
    assert over["at"] == "2026-11-23T17:20:00.000Z"


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_labels_say_what_was_right_and_which_thresholds_are(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    labels = tmp_path / f"labels.{suffix}"
    if suffix == "json":
        known = [{"rule": QUESTION, "from": 2.5, "to": 6}, {"rule": QUESTION, "from": 8, "to": 9}]
        labels.write_text(json.dumps(known))
    else:
        labels.write_text(f"rule,from,to\n{QUESTION},2.5,6\nrule-1, 8 ,9\n")
    arguments = ("--rule", QUESTION, "--set", "on=0.1", "--labels", str(labels))
    assert replay(film, tmp_path, *arguments) == 0
    told = capsys.readouterr().out
    # One alert from the beginning: it meets the first event, and lasts until the second.
    assert "0 false alarms (0.0 an hour), 0 of 2 events missed" in told
    assert replay(film, tmp_path, *arguments[:2], *arguments[4:]) == 0
    told = capsys.readouterr().out
    assert "0 false alarms (0.0 an hour), 1 of 2 events missed" in told
    assert "detected after 0.5 s (median), 0.5 s (worst)" in told
    assert "suggested: on 0." in told


def test_a_report_can_be_read_by_itself(film: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("rule,from,to\nrule-1,3,6\nrule-2,,\n")
    question = "Is it <b>bright</b> & 'light'?"
    rules = ("--rule", question, "--rule", "Is it dark?")
    assert replay(film, tmp_path, *rules, "--labels", str(labels)) == 0
    page = ElementTree.parse(tmp_path / "report.html").getroot()
    first, second = page.iter("section")
    assert first.find("h2").text == f"rule-1: {question}"  # type: ignore[union-attr]
    assert (first.get("id"), second.get("id")) == ("rule-1", "rule-2")
    drawing = first.find("{http://www.w3.org/2000/svg}svg")
    assert drawing is not None
    kinds = [shape.get("class") for shape in drawing]
    assert {"on", "off", "alert", "truth", "score", "motion"} <= set(kinds)
    (picture,) = first.iter("img")
    kind, _, data = str(picture.get("src")).partition(",")
    assert kind == "data:image/jpeg;base64"
    assert decode_jpeg(base64.b64decode(data)).shape == (72, 96, 3)
    links = [part.get(name) for part in page.iter() for name in ("src", "href")]
    assert all(link is None or link.startswith("data:") for link in links)
    with Image.open(tmp_path / "plot.png") as plot:
        plot.load()
        assert plot.format == "PNG"


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["{film}", "--rule", " "], 2, "rule rule-1: question: write a text of 1 to 500"),
        (["{film}"], 2, "there is no rule to replay"),
        (["--rule", "x"], 2, "name the recording"),
        (["{film}", "--rule", "x", "--set", "on=2"], 2, "--set on: write a number from 0 to 1"),
        (["{film}", "--rule", "x", "--set", "colour=red"], 2, "colour: this field is not known"),
        (["{film}", "--rule", "x", "--set", "on"], 2, "write a field and its value"),
        (["{film}", "--rules", "{text}.toml"], 2, "no.text.toml"),
        (["{film}", "--rules", "{text}"], 2, "{text}"),
        (["{film}", "--rule", "x", "--labels", "{text}"], 2, "{text}"),
        (["{film}", "--rule", "x", "--labels", "{csv}"], 2, "label 1: there is no rule 'dog'"),
        (["{film}", "--rule", "x", "--start", "noon"], 2, "write a time such as"),
        (["{film}", "--rule", "x", "--out", "{text}"], 2, "--out"),
        (["{film}", "--rule", "x", "--model", "magic:"], 2, "does not begin with an engine"),
        (["nowhere.mp4", "--rule", "x"], 1, "nowhere.mp4: no such file"),
        (["{text}", "--rule", "x"], 1, "not a video or picture"),
        (["{mka}", "--rule", "x"], 1, "there is no video in it"),
        (["rtsp://user:secret@10.0.0.5/s1", "--rule", "x"], 1, "replay reads files"),
        (["demo:?colour=red", "--rule", "x"], 1, "write demo:?"),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_plain_words(
    film: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    reason: str,
) -> None:
    places = {"film": str(film), **{n: str(tmp_path / f"no.{n}") for n in ("text", "csv", "mka")}}
    Path(places["text"]).write_text("this is no video")
    Path(places["csv"]).write_text("rule,from,to\ndog,1,2\n")
    with av.open(places["mka"], "w", "matroska") as file:
        file.mux(file.add_stream("pcm_s16le", rate=8000).encode(_silence()))
    given_arguments = [one.format(**places) for one in arguments]
    usual = [] if "--out" in arguments else ["--out", str(tmp_path / "out")]
    model = [] if "--model" in arguments else ["--model", "echo:"]
    assert lookout.main(["replay", *usual, *model, *given_arguments]) == status
    told = capsys.readouterr().err
    assert reason.format(**places) in told
    assert told.count("\n") == 1
    assert "secret" not in told


def _silence() -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
    frame.sample_rate = 8000
    return frame


def test_ctrl_c_leaves_a_report_of_what_was_done(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    options = ("--rule", QUESTION, "--model", "echo:", "--out", str(tmp_path))
    command = [sys.executable, "-m", "lookout", "replay", "demo:?size=64x36&seconds=90000"]
    with subprocess.Popen(
        ["env", "--default-signal=INT", *command, *options],  # some shells have it ignored
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
        cwd=ROOT,
    ) as process:
        os.close(end)
        told = b""
        while b"times as fast; Ctrl-C ends it" not in told:
            told += os.read(terminal, 1000)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        os.close(terminal)
    assert process.returncode == 130
    assert "times as fast; stopped" in output
    assert "Traceback" not in output
    assert outcomes(tmp_path, "judged")
    ElementTree.parse(tmp_path / "report.html")


def test_the_demo_model_sees_the_fire_in_the_second_it_begins(tmp_path: Path) -> None:
    renderer, first_s, fps = Renderer(320, 180), 27, 5
    pictures = [renderer.render(scene_at(first_s + n / fps), n) for n in range(13 * fps)]
    film = write_film(tmp_path / "yard.mkv", pictures, fps)
    assert lookout.main(["replay", str(film), "--rule", "Is there a fire?", *_to(tmp_path)]) == 0
    (fired, fired_at), (over, over_at) = events(tmp_path)
    assert (fired, over) == ("fired", "resolved")
    assert 30 <= first_s + fired_at < 31.5  # while it grows
    assert 36 <= first_s + over_at < 38.5


def _to(folder: Path) -> tuple[str, ...]:
    return "--out", str(folder)


class Marks(BaseHTTPRequestHandler):
    """`/v1/alerts` of a server with three alerts: two pages, one picture kept no longer."""

    pictures = {"a": 230, "b": 180}  # noqa: RUF012

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1/alerts")
        kept = path.removesuffix("/snapshot.jpg").strip("/")
        if path:
            found = kept in self.pictures
            grey = np.full((40, 60, 3), self.pictures.get(kept, 0), np.uint8)
            self._send(200 if found else 404, encode_jpeg(grey))
        elif "after=a" in self.path:
            rest = [_marked("b", False), _marked("c", True), _marked("d", None)]
            self._send(200, msgspec.json.encode({"data": rest, "has_more": False}))
        else:
            page = {"data": [_marked("a", True)], "has_more": True, "last_id": "a"}
            self._send(200, msgspec.json.encode(page))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _marked(alert: str, correct: bool | None) -> dict[str, Any]:
    event = AlertEvent(
        type="fired", id=alert, at="", rule=RuleRef("lamp", "", QUESTION), camera="hall",
        camera_name="", score=0.9, on=0.6, off=0.4, by="logits", captured_at=None, frame=None,
        model="", timings_ms=None, started="", duration_s=0.0,
    )  # fmt: skip
    kept = Alert(id=alert, state="firing", fired=event, correct=correct)
    return {"object": "alert", **msgspec.to_builtins(kept)}


@contextmanager
def marks() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Marks) as server:
        Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_marked_alerts_suggest_thresholds(capsys: pytest.CaptureFixture[str]) -> None:
    with marks() as url:
        assert lookout.main(["replay", "--feedback", url, "--model", "echo:"]) == 0
    told = capsys.readouterr().out
    assert "lamp: Is it bright?" in told
    assert "right       1, scores from 0.90 to 0.90" in told
    assert "wrong       1, scores from 0.71 to 0.71" in told
    assert "on 0.85, off 0.57, for it leaves 0 of 2 marked alerts on the wrong side" in told


def test_without_a_server_there_is_no_feedback(capsys: pytest.CaptureFixture[str]) -> None:
    assert lookout.main(["replay", "--feedback", "http://127.0.0.1:9", "--model", "echo:"]) == 1
    assert "nothing answers at http://127.0.0.1:9" in capsys.readouterr().err


def test_a_quick_bench_measures_every_question_under_every_condition() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "tests.bench.alerts", "--quick", "--markdown"],
        capture_output=True, text=True, timeout=110, check=True, cwd=ROOT,
    ).stdout  # fmt: skip
    for question in ("fire", "person", "car", "dog", "package"):
        for condition in (*CONDITIONS, "all"):
            assert f"| Is there a {question}? | {condition} |" in output
    assert "minutes of film" in output


def test_the_demo_camera_needs_no_labels() -> None:
    rules = load_rules(("Is there a fire?", "is there a dog", "Is it night?"), None, (), "*")
    film, seconds = demo_of("demo:?seconds=70&fps=5&weather=rain")
    truths = scripted(film, seconds, rules)
    assert set(truths) == {"rule-1", "rule-2"}
    kinds: dict[str, Kind] = {"rule-1": "fire", "rule-2": "dog"}
    for rule, kind in kinds.items():
        (truth,) = truths[rule]
        assert truth_at(truth.from_s + 0.1).has(kind) and truth_at(truth.to_s - 0.3).has(kind)
        assert not truth_at(truth.from_s - 0.3).has(kind)
        assert not truth_at(truth.to_s + 0.1).has(kind)


def test_labels_follow_the_speed_of_the_demo_camera() -> None:
    rules = load_rules(("Is there a fire?",), None, (), "*")
    (usual,), (twice,) = (
        scripted(*demo_of(f"demo:?seconds={seconds}&speed={speed}"), rules)["rule-1"]
        for seconds, speed in ((70, 1), (35, 2))
    )
    assert twice.from_s == pytest.approx(usual.from_s / 2, abs=0.1)
    assert twice.to_s == pytest.approx(usual.to_s / 2, abs=0.1)


# What the figures mean.


def test_a_false_alarm_meets_no_truth_and_a_missed_event_no_alert() -> None:
    spans = [Span(9.0, 10.0, 12.0), Span(20.0, 20.0, 21.0), Span(50.0, 52.0, None)]
    truths = [Truth(8.0, 11.0), Truth(22.0, 23.0), Truth(30.0, 40.0), Truth(60.0, 61.0)]
    verdict = compare(spans, truths, seconds=1800)
    assert verdict.false == ()
    assert verdict.missed == (Truth(30.0, 40.0),)
    assert verdict.delays == (2.0, 0.0, 0.0)
    assert (verdict.median_s, verdict.worst_s) == (0.0, 2.0)
    strict = compare(spans, truths, 1800, tolerance_s=0.5)
    assert strict.false == (Span(20.0, 20.0, 21.0),)
    assert strict.false_per_hour == 2.0
    assert strict.missed == (Truth(22.0, 23.0), Truth(30.0, 40.0))


def test_scores_near_a_change_are_not_held_against_the_model() -> None:
    answers = certain([(0, 0.1), (9.5, 0.7), (12, 0.9), (20, 0.8)], [Truth(10, 15)])
    assert answers == [(0.1, False), (0.9, True), (0.8, False)]
    assert accuracy(answers) == pytest.approx(2 / 3)
    assert calibration_error(answers) == pytest.approx((0.1 + 0.1 + 0.8) / 3)
    assert calibration_error([(0.75, True)] * 3 + [(0.75, False)]) == 0
    assert accuracy([]) is calibration_error([]) is None


def test_the_widest_gap_between_scores_parts_them() -> None:
    suggestion = by_gap([0.0, 0.05, 0.1, 0.7, 0.95])
    assert suggestion is not None
    assert (suggestion.on, suggestion.off) == (0.5, 0.3)
    assert suggestion.reason == "no score lies between 0.10 and 0.70"
    assert by_gap([0.1, 0.2, 0.3]) is None
    assert by_gap([0.5]) is by_gap([]) is None


RULE = parse_rule({"question": QUESTION, "cooldown_s": 0})


def test_labels_suggest_the_middle_of_what_does_best() -> None:
    scored = [(0.0, 0.2), (1.0, 0.5), (2.0, 0.2), (3.0, 0.9), (4.0, 0.2)]
    better = suggest(RULE, scored, [Truth(3.0, 3.5)], (5.0, 0.5))
    assert better is not None
    assert better.on == 0.75  # from 0.55 to 0.90
    assert better.reason == "0 missed and 0 false with `on` from 0.55 to 0.90"
    assert suggest(RULE, [], [Truth(3.0, 3.5)], (5.0, 0.5)) is None


def test_alerts_per_day_are_counted_from_the_recording() -> None:
    scored = [(float(n), 0.85 if n % 10 == 5 else 0.1) for n in range(100)]
    per_day = dict(alerts_per_day(RULE, scored, 100.0))
    assert per_day[0.6] == 10 * 864
    assert per_day[0.9] == 0


def test_marks_of_one_kind_suggest_nothing() -> None:
    assert by_answers([(0.9, True)] * 3) is None
    better = by_answers([(0.95, True), (0.7, False), (0.9, True)])
    assert better is not None
    assert 0.7 < better.on <= 0.9


shares = st.floats(0, 1)
courses = st.lists(shares, max_size=60).map(lambda scores: list(enumerate(map(float, scores))))
truth_lists = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9)).map(lambda t: Truth(t[0], t[0] + t[1]))
)


@given(courses, shares)
def test_alerts_of_other_thresholds_follow_each_other(
    course: list[tuple[float, float]], on: float
) -> None:
    spans = simulate(parse_rule({"question": "x", "on": on, "cooldown_s": 0}), course)
    scores = dict(course)
    for span in spans:
        assert span.started_s <= span.fired_s
        assert scores[span.fired_s] >= on
    for one, following in pairwise(spans):
        assert one.ended_s is not None
        assert one.ended_s < following.fired_s


@given(truth_lists)
def test_alerts_that_are_the_truth_are_never_wrong(truths: list[Truth]) -> None:
    apart = merged(truths)
    spans = [Span(truth.from_s, truth.from_s, truth.to_s) for truth in apart]
    verdict = compare(spans, apart, 100, tolerance_s=0)
    assert (verdict.false, verdict.missed) == ((), ())
    assert set(verdict.delays) <= {0.0}
    nothing = compare([], apart, 100)
    assert nothing.missed == tuple(apart)
    assert len(compare(spans, [], 100).false) == len(apart)


@given(truth_lists, st.floats(0, 70))
def test_merged_truths_are_true_at_the_same_times(truths: list[Truth], at_s: float) -> None:
    apart = merged(truths)
    assert any(t.from_s <= at_s <= t.to_s for t in truths) == any(
        t.from_s <= at_s <= t.to_s for t in apart
    )
    assert all(one.to_s < other.from_s for one, other in pairwise(apart))


@given(st.lists(shares, min_size=1, max_size=400), st.integers(1, 20))
def test_a_long_course_keeps_its_extremes(scores: list[float], columns: int) -> None:
    points = [(float(n), score) for n, score in enumerate(scores)]
    shown = outline(points, float(len(points)), columns)
    assert len(shown) <= 4 * columns + 4
    assert {min(scores), max(scores)} <= {score for _, score in shown}
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == (points[0], points[-1])


@given(st.floats(0, 40 * 86400))
def test_an_axis_has_few_round_times(seconds: float) -> None:
    times = ticks(seconds)
    assert times[0] == 0
    assert times[-1] <= seconds
    assert len(times) <= 11


@given(st.lists(shares))
def test_suggested_thresholds_are_thresholds(scores: list[float]) -> None:
    suggestion = by_gap(scores)
    if suggestion:
        assert min(scores) <= suggestion.off <= suggestion.on <= max(scores)
