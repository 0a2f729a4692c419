"""Whoever listens is told each event once, in order, and can go on where he was."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, aclosing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api.alert_feed import QUEUE, Entry, Feed, Mark
from bus.alerts import AlertEvent, CameraEvent, encode
from bus.tasks import background
from compose.ports import free_port
from tests.api.alerting import QUESTION, Served, camera_down, fired, serving
from tests.api.asking import refused
from tests.conftest import Run, client
from tests.waiting import until

ROOT = Path(__file__).parents[2]
MOST = 6  # clients
PORTS = ("LOOKOUT_WS_PORT", "LOOKOUT_ALERT_METRICS_PORT", "LOOKOUT_STATS_PORT")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    ports = {variable: str(free_port()) for variable in PORTS}
    most = {"LOOKOUT_MAX_ALERT_CLIENTS": str(MOST)}
    with serving(tmp_path_factory.mktemp("feed"), **ports, **most) as served:
        yield served


@pytest.fixture
def served(server: Served) -> Iterator[Served]:
    yield server
    until(lambda: is_empty(server))


def is_empty(served: Served) -> bool:
    """Whether nobody listens any more."""
    try:
        with ExitStack() as stack:
            for _ in range(MOST):
                stack.enter_context(listening(served))
    except InvalidStatus:
        return False
    return True


def listening(
    served: Served, query: str = "", **options: Any
) -> AbstractContextManager[ClientConnection]:
    opened: AbstractContextManager[ClientConnection]
    opened = connect(f"{served.ws}{query}", proxy=None, **options)
    return opened


def told(client: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [json.loads(client.recv(timeout=20)) for _ in range(count)]


def write(served: Served, count: int, **more: Any) -> list[str]:
    """So many events, each told by itself; their places."""
    return [served.tell(fired(f"w{number}", **more)) for number in range(count)]


def test_by_default_it_is_the_ancestors_message_field_for_field(served: Served) -> None:
    for path in ("/v1/alerts/ws", "/api/v1/alerts/ws"):
        url = f"ws://127.0.0.1:{served.env['LOOKOUT_WS_PORT']}{path}"
        with connect(url, proxy=None) as listener:
            served.tell(camera_down())
            served.tell(fired("a1", type="updated"))
            event = fired("a1", rule="r0")
            served.tell(event)
            (message,) = told(listener, 1)
        at = datetime.fromisoformat(event.at).astimezone()
        assert message == {
            "title": "VLM Alert Triggered",
            "type": "vlm_alert",
            "description": f"The VLM has determined the alert rule: {QUESTION} is True!",
            "alert_id": "r0",
            "rule_string": QUESTION,
            "stream_id": "front",
            "timestamp": at.strftime("%Y-%m-%d %H:%M:%S"),
        }


def test_in_full_every_event_comes_as_it_is_in_the_log(served: Served) -> None:
    described = fired("a1", type="resolved", description="猫\n")
    events: list[AlertEvent | CameraEvent] = [camera_down(), fired("a1"), described]
    with listening(served, "?format=full") as listener:
        places = [served.tell(event) for event in events]
        messages = told(listener, 3)
    assert messages == [
        {"log_id": place, "event": json.loads(encode(event))}
        for place, event in zip(places, events, strict=True)
    ]


def test_a_client_begins_where_it_was_while_events_are_written(served: Served) -> None:
    places = write(served, 300)
    starts = {"0": len(served.places()), places[150]: 149}  # how many there are after it

    def heard(since: str) -> list[str]:
        with listening(served, f"?format=full&since={since}") as listener:
            return [message["log_id"] for message in told(listener, starts[since] + 400)]

    with ThreadPoolExecutor(5) as pool:
        writing = pool.submit(write, served, 400)
        reading = [(since, pool.submit(heard, since)) for since in [*starts, *starts]]
        writing.result()
    everything = served.places()
    for since, heard_since in reading:
        assert heard_since.result() == everything[-starts[since] - 400 :]


def test_a_place_that_has_yet_to_come_keeps_nothing_from_a_client(served: Served) -> None:
    with listening(served, "?format=full&since=999999999999999") as listener:
        place = served.tell(fired("a1"))
        assert told(listener, 1)[0]["log_id"] == place


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("?since=yesterday", "since"),
        ("?since=1-2-3", "since"),
        ("?since=99999999999999999999", "since"),
        ("?format=xml", "format"),
    ],
)
def test_a_client_that_asks_for_nonsense_is_told_so(served: Served, query: str, param: str) -> None:
    with pytest.raises(InvalidStatus) as caught, listening(served, query):
        pass
    assert caught.value.response.status_code == 400
    assert json.loads(caught.value.response.body or b"")["error"]["param"] == param


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "http://127.0.0.2:80"])
def test_a_page_of_another_host_may_not_listen(served: Served, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught, listening(served, origin=origin):
        pass
    assert caught.value.response.status_code == 400
    with listening(served, origin="http://127.0.0.1:3000"):
        pass


def test_a_client_that_has_gone_makes_room_within_a_second(served: Served) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(listening(served)) for _ in range(MOST)]
        with pytest.raises(InvalidStatus) as caught, listening(served):
            pass
        assert caught.value.response.status_code == 429
        refused(served.http.get("/v1/alerts/stream"), 429, "overloaded")
        for gone in clients:  # as if its process were killed
            gone.socket.shutdown(socket.SHUT_RDWR)
        began = monotonic()
        until(lambda: is_empty(served), within_s=5)
        assert monotonic() - began < 3  # on a machine that does other things too
    served.tell(fired("a1"))


def test_a_client_that_says_too_much_is_closed(served: Served) -> None:
    with listening(served) as listener:
        for _ in range(50):
            listener.send("hello?")
        served.tell(fired("a1"))
        assert told(listener, 1)
        listener.send("x" * 5000)
        with pytest.raises(ConnectionClosed) as caught:
            listener.recv(timeout=10)
    assert caught.value.rcvd
    assert caught.value.rcvd.code == 1009


@contextmanager
def stuck(served: Served, path: str) -> Iterator[socket.socket]:
    """A client that asks and then reads nothing."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((host, int(port)))
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        )
        more = upgrade if "/ws" in path else ""
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
        assert client.recv(12) in (b"HTTP/1.1 101", b"HTTP/1.1 200")
        yield client


@pytest.mark.parametrize("path", ["/v1/alerts/ws?format=full", "/v1/alerts/stream"])
def test_a_client_that_does_not_read_is_dropped_and_holds_up_nobody(
    served: Served, path: str
) -> None:
    description = "x" * 50_000
    with stuck(served, path):
        with listening(served, "?format=full", max_size=None) as other:
            for _ in range(QUEUE + 200):
                place = served.tell(fired("big", description=description))
                assert told(other, 1)[0]["log_id"] == place
        until(lambda: "listener dropped, too slow" in served.log)
        until(lambda: is_empty(served))
    (served.folder / "log").write_text("")
    served.redis.flushall()


def test_a_redis_that_was_away_costs_no_event(served: Served) -> None:
    with (
        listening(served, "?format=full") as listener,
        events_of(served) as lines,
    ):
        places = write(served, 3)
        served.restart_redis()
        places += write(served, 3)
        assert [message["log_id"] for message in told(listener, 6)] == places
        assert [place for _, (place, _, _) in zip(range(6), lines, strict=False)] == places
    with listening(served, f"?format=full&since={places[0]}") as listener:
        assert [message["log_id"] for message in told(listener, 5)] == places[1:]


Told = tuple[str, str, dict[str, Any]]


@contextmanager
def events_of(served: Served, query: str = "", last: str = "") -> Iterator[Iterator[Told]]:
    """Server-sent events: place in the log, type, document."""
    headers = {"last-event-id": last} if last else {}
    with served.http.stream("GET", f"/v1/alerts/stream{query}", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith(":")  # it is connected
        yield parsed(lines)


def parsed(lines: Iterator[str]) -> Iterator[Told]:
    for line in lines:
        if line.startswith("id: "):
            kind, data = next(lines), next(lines)
            event = json.loads(data.removeprefix("data: "))
            yield line.removeprefix("id: "), kind.removeprefix("event: "), event


def test_a_browser_is_told_of_events_and_resumes_by_itself(served: Served) -> None:
    first = served.tell(fired("a1"))
    with events_of(served) as live, events_of(served, f"?since={first}") as since:
        second = served.tell(camera_down())
        third = served.tell(fired("a1", type="resolved"))
        assert next(live)[:2] == (second, "camera_down")
        place, kind, event = next(live)
        assert (place, kind, event["id"], event["v"]) == (third, "resolved", "a1", 1)
        assert [next(since)[0], next(since)[0]] == [second, third]
    with events_of(served, f"?since={first}", last=second) as resumed:
        assert next(resumed)[0] == third
    answer = served.http.get("/v1/alerts/stream", headers={"last-event-id": "x"})
    refused(answer, 400, "bad_request", "Last-Event-ID")


def test_what_is_no_event_is_passed_over(served: Served) -> None:
    junk: list[dict[str, str | bytes]] = [
        {"event": "{"},
        {"event": b"\xff"},
        {"event": "[]"},
        {"event": '{"type": "a\\nb"}'},
        {"other": "x"},
    ]
    with listening(served, "?format=full") as listener, listening(served) as legacy:
        for fields in junk:
            served.redis.xadd("lookout:alerts:log", fields)  # type: ignore[arg-type]
        served.redis.xadd("lookout:alerts:log", {"event": '{"type": "fired",\n"v": 9}'})
        served.tell(fired("a1"))
        newer, event = told(listener, 2)
        assert (newer["event"], event["event"]["id"]) == ({"type": "fired", "v": 9}, "a1")
        assert told(legacy, 1)[0]["rule_string"] == QUESTION


def test_the_times_of_alerts_are_counted(served: Served) -> None:
    def count() -> float:
        port = served.env["LOOKOUT_ALERT_METRICS_PORT"]
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        found = re.search(r"lookout_alert_capture_to_event_seconds_count (\S+)", text)
        assert found
        return float(found[1])

    before = count()
    served.tell(fired("a1"))
    served.tell(fired("a1", type="updated"))
    served.tell(fired("a1", type="resolved"))
    until(lambda: count() >= before + 2)
    assert count() == before + 2


def test_all_ports_answer_everything(served: Served) -> None:
    for variable in PORTS:
        answer = httpx.get(f"http://127.0.0.1:{served.env[variable]}/health/live")
        assert answer.json() == {"status": "live"}


@pytest.mark.parametrize("variable", ["LOOKOUT_PORT", *PORTS])
def test_a_port_in_use_is_named(served: Served, tmp_path: Path, variable: str) -> None:
    taken = served.env[PORTS[0]]
    env = {"LOOKOUT_PORT": str(free_port()), variable: taken, "LOOKOUT_RUN_DIR": str(tmp_path)}
    url = f"unix://{served.folder}/s"
    ended = subprocess.run(
        [sys.executable, "-m", "api"],
        env={**os.environ, **env, "REDIS_URL": url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert f"lookout api: {variable}: cannot listen on 127.0.0.1:{taken}" in ended.stderr


def test_who_listens_is_told_when_the_process_stops(tmp_path: Path) -> None:
    with serving(tmp_path) as served, listening(served) as listener, events_of(served) as lines:
        served.api.send_signal(signal.SIGTERM)
        assert list(lines) == []
        with pytest.raises(ConnectionClosed) as caught:
            listener.recv(timeout=10)
        assert caught.value.rcvd
        assert caught.value.rcvd.code in (1001, 1012)
        began = monotonic()
        assert served.api.wait(timeout=10) == 0
        assert monotonic() - began < 4
        assert "Traceback" not in served.log


def test_a_listener_too_far_behind_hears_nothing_more(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        async with client(redis_url) as redis, client(redis_url) as impatient:
            feed = Feed(redis, 1, lambda _: None)
            async with background(feed.run(impatient), feed.beat(0.01)):
                with feed.joined() as listener:
                    async with aclosing(listener.events(None)) as events:
                        assert await anext(events) is Mark.BEAT
                        for number in range(QUEUE + 1):
                            listener.tell(Entry(f"{number + 1}-0", "fired", b"{}"))
                        assert listener.too_slow
                        rest = [event async for event in events]
            assert rest == []

    run(scenario())


@contextmanager
def printing(*command: str, **env: str) -> Iterator[Iterator[str]]:
    """The lines that a program without end prints."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, "NO_PROXY": "127.0.0.1", **env},
    )
    with process:
        assert process.stdout
        yield iter(process.stdout)
        with suppress(ProcessLookupError):
            process.terminate()


@pytest.mark.parametrize("name", ["alerts.py", "alerts.mjs"])
def test_an_example_shows_alerts_as_they_come(served: Served, name: str) -> None:
    runner = "node" if name.endswith(".mjs") else sys.executable
    if not shutil.which(runner):
        pytest.skip("node is not installed")
    served.redis.flushall()
    served.tell(fired("a1"))
    base = {"OPENAI_BASE_URL": f"{served.url}/v1"}
    with printing(runner, f"examples/{name}", "--all", **base) as lines:
        assert f"fired front {QUESTION}" in next(lines)
        served.tell(camera_down())
        assert "camera_down front connection refused" in next(lines)


def test_the_example_for_redis_shows_alerts_as_they_come(tmp_path: Path) -> None:
    if not shutil.which("redis-cli"):
        pytest.skip("redis-cli is not installed")
    with serving(tmp_path) as served:
        port = free_port()
        served.redis.config_set("port", port)
        with printing("examples/alerts.sh", REDIS_URL=f"redis://127.0.0.1:{port}") as lines:
            until(lambda: served.redis.pubsub_numsub("lookout:alerts")[0][1])
            served.tell(fired("a1"))
            assert json.loads(next(lines))["id"] == "a1"


def test_watch_shows_alerts_on_the_command_line(served: Served) -> None:
    served.redis.flushall()
    served.tell(fired("a1"))
    command = (sys.executable, "-m", "lookout", "watch", "--server", served.url, "--since", "0")
    with printing(*command) as lines, printing(*command, "--json") as documents:
        assert re.search(rf"fired +front +{re.escape(QUESTION)}  P\(yes\) 0.93", next(lines))
        served.tell(camera_down())
        assert "connection refused" in next(lines)
        assert [json.loads(next(documents))["type"] for _ in range(2)] == ["fired", "camera_down"]


def test_watch_says_when_nothing_answers() -> None:
    server = f"http://127.0.0.1:{free_port()}"
    told = subprocess.run(
        [sys.executable, "-m", "lookout", "watch", "--server", server],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=ROOT,
    )
    assert told.returncode == 1
    assert "lookout up" in told.stderr
