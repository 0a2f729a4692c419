"""Who listens beyond this machine asks for a key, on every way in, and tells it to nobody."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import httpx
import openai
import pytest
from fastapi.routing import iter_route_contexts
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from api.app import build
from api.keys import OPEN, VIEWED
from api.settings import ApiSettings
from compose.ports import free_port
from tests.api.asking import CHAT, ask, refused, said
from tests.api.conftest import stderr_to
from tests.stack import Stack, running
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PAGE = "https://app.example"


@dataclass(frozen=True)
class Keyed:
    """A stack on all addresses, as its owner starts it: the key is one that it made."""

    stack: Stack
    key: str
    player: str
    log: Path

    def http(self, key: str = "") -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.stack.url, headers=headers, timeout=20, trust_env=False)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    log, port = folder / "log", free_port()
    with (
        stderr_to(log) as put_back,
        running(
            folder,
            *("--host", "0.0.0.0", "--preview-port", str(port), "--model", "echo:"),
            *("--camera", "small=demo:?fps=5&size=64x48"),
            LOOKOUT_LOG_LEVEL="DEBUG",
            LOOKOUT_CORS_ORIGINS=PAGE,
            LOOKOUT_RATE_RPM="600",
        ) as stack,
    ):
        put_back()
        key = (folder / "data" / "api-key").read_text().strip()
        yield Keyed(stack, key, f"rtsp://{{}}127.0.0.1:{port}/out", log)


def ways_in() -> list[tuple[str, str]]:
    """Every method and path that the application knows."""
    found = [("GET", "/nothing/here"), ("OPTIONS", "/v1/models"), ("POST", "/")]
    for route in iter_route_contexts(build(ApiSettings()).routes):
        assert route.path
        path = re.sub(r"{[^}]*}", "x", route.path)
        found += [(method, path) for method in sorted(route.methods or {"WEBSOCKET"})]
    return found


def test_every_way_in_asks_for_a_key_but_the_health_checks(keyed: Keyed) -> None:
    ways = ways_in()
    assert len(ways) > 60
    with keyed.http() as http:
        for method, path in ways:
            if method == "WEBSOCKET":
                with pytest.raises(InvalidStatus) as raised:
                    connect(f"{keyed.stack.url.replace('http', 'ws')}{path}")
                assert raised.value.response.status_code == 401
            elif OPEN.fullmatch(path):
                assert http.request(method, path).status_code == 200
            else:
                answer = http.request(method, path)
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                assert method == "HEAD" or refused(answer, 401, "invalid_api_key")


def test_with_the_key_it_answers_as_ever(keyed: Keyed) -> None:
    with keyed.http(keyed.key) as http:
        answer = ask(http, "hi")
        assert said(answer) == "hi"
        assert answer.headers["x-ratelimit-limit-requests"] == "600"
        for path in ("/docs", "/openapi.json", "/metrics", "/v1/models", "/api/v1/rules"):
            assert http.get(path).status_code == 200
        assert http.get("/nothing/here").status_code == 404


def test_openais_client_shows_the_key_and_has_its_own_error_for_a_wrong_one(keyed: Keyed) -> None:
    base = f"{keyed.stack.url}/v1"
    question = [{"role": "user", "content": "x" * 3_000_000}]  # which nobody reads before the key
    with openai.OpenAI(base_url=base, api_key=keyed.key, max_retries=0) as client:
        assert client.models.list().data[0].id == "echo"
    with (
        openai.OpenAI(base_url=base, api_key="wrong" * 9, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as raised,
    ):
        client.chat.completions.create(model="echo", messages=question)  # type: ignore[arg-type]
    assert raised.value.code == "invalid_api_key"
    assert "wrong" * 2 not in str(raised.value)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Basic {}", "{}", "Bearer {}x", "Bearer x {}", "Digest {}"],
)
def test_only_the_very_key_as_bearer_opens(keyed: Keyed, header: str) -> None:
    with keyed.http() as http:
        headers = {"Authorization": header.format(keyed.key)}
        refused(http.get("/v1/models", headers=headers), 401, "invalid_api_key")
        for kind in ("bearer", "BEARER"):
            right = {"Authorization": f"{kind} {keyed.key}"}
            assert http.get("/v1/models", headers=right).status_code == 200


def test_what_browsers_and_players_open_takes_the_key_in_its_url(keyed: Keyed) -> None:
    with keyed.http() as http:
        for name in ("token", "access_token"):
            frame = f"/v1/cameras/small/frame.jpg?overlay=1&{name}={keyed.key}"
            assert http.get(frame).status_code == 200
            for path in ("/api/v1/cameras/small/preview.mjpeg", "/v1/alerts/stream"):
                with http.stream("GET", f"{path}?{name}={keyed.key}") as answer:
                    assert answer.status_code == 200
            socket = f"{keyed.stack.url.replace('http', 'ws')}/v1/alerts/ws?format=full"
            with connect(f"{socket}&{name}={keyed.key}") as opened:
                assert opened.response and opened.response.headers["x-request-id"]
        refused(http.get("/v1/alerts/stream?token=wrong"), 401, "invalid_api_key")


def test_nothing_else_takes_the_key_in_its_url(keyed: Keyed) -> None:
    with keyed.http() as http:
        for method, path in ways_in():
            if method in ("WEBSOCKET", "HEAD") or OPEN.fullmatch(path):
                continue
            if method != "GET" or not VIEWED.fullmatch(path):
                answer = http.request(method, f"{path}?token={keyed.key}")
                assert answer.status_code == 401, (method, path)


def test_a_page_of_another_origin_may_ask_where_it_is_listed(keyed: Keyed) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"}
    with keyed.http() as http:
        may = http.options(CHAT, headers={"Origin": PAGE, **asks})
        assert may.status_code == 200
        assert may.headers["access-control-allow-origin"] == PAGE
        assert "access-control-allow-credentials" not in may.headers
        may_not = http.options(CHAT, headers={"Origin": "https://evil.example", **asks})
        assert may_not.status_code == 400
        assert "access-control-allow-origin" not in may_not.headers
        refusal = http.get("/v1/models", headers={"Origin": PAGE})  # which the page can read
        assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (401, PAGE)
        assert "x-request-id" in refusal.headers["access-control-expose-headers"]


def test_without_a_list_no_page_of_another_origin_may_ask(lookout: httpx.Client) -> None:
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    assert lookout.options(CHAT, headers=asks).status_code == 405
    answer = lookout.get("/v1/models", headers={"Origin": PAGE})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_on_loopback_any_key_or_none_will_do(lookout: httpx.Client) -> None:
    for header in ("Bearer none", "Bearer", "Basic eDp5"):
        assert lookout.get("/v1/models", headers={"Authorization": header}).status_code == 200


def test_players_show_the_key_as_a_password_of_any_user(keyed: Keyed) -> None:
    options = {"rtsp_transport": "tcp"}
    url = keyed.player.format(f"any:{keyed.key}@")
    with av.open(url, options=options, timeout=15) as video:
        assert next(video.decode(video=0)).width == 1280
    for wrong in ("", "any:wrong@"):
        with pytest.raises(av.error.HTTPUnauthorizedError):
            av.open(keyed.player.format(wrong), options=options, timeout=15)


def command(keyed: Keyed, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lookout", *arguments, "--server", keyed.stack.url],
        env={**os.environ, "LOOKOUT_DATA_DIR": str(keyed.log.parent / "none"), **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=ROOT,
    )


def test_commands_find_the_key_on_its_machine_or_are_given_it(keyed: Keyed) -> None:
    question = "ask", "small", "What is this?"
    here = command(keyed, *question, LOOKOUT_DATA_DIR=str(keyed.stack.folder / "data"))
    assert here.stdout.startswith("What is this?"), here.stderr
    given = command(keyed, *question, LOOKOUT_API_KEY=keyed.key)
    assert given.stdout.startswith("What is this?"), given.stderr
    refusal = command(keyed, *question)
    assert refusal.returncode == 1
    assert "LOOKOUT_API_KEY" in refusal.stderr
    wrong = command(keyed, *question, "--key", "wrong" * 9)
    assert "the key is wrong" in wrong.stderr
    assert "wrongwrong" not in wrong.stderr
    for told in (here, given, refusal, wrong):
        assert keyed.key not in told.stdout + told.stderr


def test_the_key_is_shown_once_and_is_for_its_owner_alone(keyed: Keyed) -> None:
    file = keyed.stack.folder / "data" / "api-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert re.fullmatch(r"lk-[\w-]{43}", keyed.key)
    log = keyed.log.read_text()
    assert log.count(keyed.key) == 1
    assert log.index(keyed.key) < log.index('"from":"api')
    for pid in (*keyed.stack.pids("-m api"), *keyed.stack.pids("-m capture")):
        assert keyed.key.encode() not in Path(f"/proc/{pid}/environ").read_bytes()


def test_the_log_says_whose_request_it_was_and_never_the_key(keyed: Keyed) -> None:
    with keyed.http(keyed.key) as http:
        answer = http.get("/v1/models?secret=yes", headers={"x-request-id": "my-request.7"})
        assert answer.headers["x-request-id"] == "my-request.7"
        forged = http.get("/v1/x%0Aforged", headers={"x-request-id": "no good\tid"})
        assert re.fullmatch(r"req_[0-9a-f]{24}", forged.headers["x-request-id"])
    with connect(
        f"{keyed.stack.url.replace('http', 'ws')}/v1/alerts/ws?token={keyed.key}",
        additional_headers={"Authorization": f"Bearer {keyed.key}"},
    ):
        pass

    def lines() -> list[dict[str, str]]:
        text = keyed.log.read_text().splitlines()
        return [json.loads(line) for line in text if line.startswith("{")]

    (line,) = until(lambda: [line for line in lines() if line.get("request") == "my-request.7"])
    assert re.fullmatch(
        r"request served method=GET path=/v1/models status=200 ms=[\d.]+ key=key-[0-9a-f]{8}",
        line["event"],
    )
    assert not [line for line in lines() if "\nforged" in line["event"]]
    until(lambda: [line for line in lines() if "path=/v1/alerts/ws status=101" in line["event"]])
    assert keyed.log.read_text().count(keyed.key) == 1
