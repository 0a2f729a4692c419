"""The stack as it comes up: what it answers, what it tells, what it lets in and what not."""

import json
import re

import av
import httpx
import openai
import pytest
from websockets.sync.client import connect

from tests.compose.asking import add_rule, ask, subscribed
from tests.compose.stack import SERVICES, ComposeStack, docker, port

pytestmark = pytest.mark.compose


def test_the_official_client_gets_an_answer_about_the_camera(client: openai.OpenAI) -> None:
    answer = ask(client)
    assert answer.choices[0].message.content in ("Yes.", "No.")
    (frame,) = answer.lookout["frames"]
    assert (frame["camera"], frame["width"], frame["height"]) == ("demo", 1280, 720)
    assert frame["age_ms"] < 2000


def test_a_subscriber_of_redis_receives_a_fired_alert(
    stack: ComposeStack, http: httpx.Client
) -> None:
    with subscribed() as events:
        add_rule(http, "person")
        fired = next(e for e in events if e["type"] == "fired")
        assert fired["rule"]["id"] == "person"
        resolved = next(e for e in events if e["type"] == "resolved")
    assert resolved["id"] == fired["id"]
    picture = http.get(fired["snapshot"])
    assert picture.content.startswith(b"\xff\xd8")
    http.delete("/v1/rules/person")


def test_the_preview_is_read_from_outside(stack: ComposeStack, key: str) -> None:
    url = f"rtsp://lookout:{key}@127.0.0.1:{port('PREVIEW')}/demo"
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
        pictures = [frame for frame, _ in zip(container.decode(video=0), range(15), strict=False)]
    assert {(picture.width, picture.height) for picture in pictures} == {(1280, 720)}
    assert pictures[-1].to_ndarray(format="rgb24").std() > 10


def test_the_ancestors_ports_answer(http: httpx.Client, key: str) -> None:
    for name, series in (("ALERT_METRICS", "alert_status"), ("STATS", "lookout_worker_slots")):
        answer = http.get(f"http://127.0.0.1:{port(name)}/metrics")
        assert answer.status_code == 200
        assert series in answer.text
    headers = {"authorization": f"Bearer {key}"}
    with connect(f"ws://127.0.0.1:{port('WS')}/v1/alerts/ws", additional_headers=headers) as ws:
        assert ws.protocol.state.name == "OPEN"


def test_nothing_is_told_to_who_has_no_key(stack: ComposeStack) -> None:
    base = f"http://127.0.0.1:{port('API')}"
    for path in ("/v1/models", "/v1/cameras/demo/frame.jpg", "/metrics", "/docs"):
        assert httpx.get(base + path, trust_env=False).status_code == 401
    assert httpx.get(f"{base}/health/ready", trust_env=False).status_code == 200
    with pytest.raises(av.FFmpegError):
        av.open(f"rtsp://127.0.0.1:{port('PREVIEW')}/demo", timeout=10)


def test_only_the_documented_ports_are_published(stack: ComposeStack) -> None:
    published = {
        service: {
            (inside, binding["HostIp"])
            for inside, bindings in stack.inspect(service)["NetworkSettings"]["Ports"].items()
            for binding in bindings or ()
        }
        for service in SERVICES
    }
    loopback = "127.0.0.1"
    assert published == {
        "api": {(f"{number}/tcp", loopback) for number in (9000, 5012, 5016, 5017)},
        "preview": {("5011/tcp", loopback)},
        "redis": {("6379/tcp", loopback)},  # of the override that these tests use
        "alerts": set(),
        "capture": set(),
        "inference": set(),
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_can_do_no_more_than_it_must(stack: ComposeStack, service: str) -> None:
    found = stack.inspect(service)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "10001:10001"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] == 512
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert host["RestartPolicy"]["Name"] == "always"
    status = stack.compose("exec", service, "cat", "/proc/self/status")
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    where = "import os; print(os.access('/app', os.W_OK), os.access('/', os.W_OK))"
    assert stack.compose("exec", service, "python3", "-c", where) == "False False\n"


@pytest.mark.parametrize("service", ["api", "inference"])
def test_an_image_holds_no_secret_and_no_build_tool(stack: ComposeStack, service: str) -> None:
    scan = (
        "for tool in gcc g++ cc make ld pip pip3 git curl wget; do command -v $tool; done;"
        "find / -xdev \\( -name '*.key' -o -name 'id_*' -o -name .env -o -name .git"
        " -o -name '*.p12' \\) -not -path '/proc/*' -not -path '/sys/*' 2>/dev/null;"
        "grep -rlE 'BEGIN [A-Z ]*PRIVATE KEY' /app /etc /run /root /home 2>/dev/null; true"
    )
    assert stack.compose("exec", service, "sh", "-c", scan) == ""
    image = stack.inspect(service)["Image"]
    history = docker("history", "--no-trunc", "--format", "{{json .CreatedBy}}", image)
    assert not re.search(r"(?i)(password|secret|token)=", history)
    environment = json.loads(docker("inspect", image))[0]["Config"]["Env"]
    assert not [line for line in environment if re.search(r"(?i)key|token|password", line)]
