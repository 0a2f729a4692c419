"""The stack as it comes up: what it answers, what it tells, what it lets in and what not."""

import json
import re
import socket

import av
import httpx
import openai
import pytest
from websockets.sync.client import connect

from tests.compose.asking import add_rule, ask, previewed, subscribed
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
    pictures = previewed(key, 15)
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


def test_nothing_listens_but_what_is_documented(stack: ComposeStack) -> None:
    assert {service: listening(stack, service) for service in SERVICES} == {
        "api": {9000, 5012, 5016, 5017},
        "preview": {5011},
        "redis": {6379},
        "alerts": set(),
        "capture": set(),
        "inference": set(),
    }


def listening(stack: ComposeStack, service: str) -> set[int]:
    """Ports of its container, TCP and UDP, that others than itself can reach."""
    tables = ("tcp", "tcp6", "udp", "udp6")
    text = stack.compose("exec", service, "cat", *(f"/proc/net/{table}" for table in tables))
    sockets = re.findall(r"^ *\d+: (\w+):(\w+) \w+:\w+ (\w+)", text, re.MULTILINE)
    is_open = {"0A", "07"}  # a listening TCP socket, an unconnected UDP one
    loopback = re.compile(r"\w{6}7F|0{24}01000000")
    return {
        int(number, 16)
        for address, number, status in sockets
        if status in is_open and not loopback.fullmatch(address)
    }


def test_only_this_machine_reaches_the_published_ports(stack: ComposeStack) -> None:
    (network,) = stack.inspect("api")["NetworkSettings"]["Networks"].values()
    published = [port(name) for name in ("API", "PREVIEW", "WS", "ALERT_METRICS", "STATS", "REDIS")]
    assert {number for number in published if answers("127.0.0.1", number)} == set(published)
    assert [number for number in published if answers(network["Gateway"], number)] == []
    assert answers(network["IPAddress"], 9000)  # which a way round would have to go
    assert not answers(network["IPAddress"], 5011)


def answers(host: str, number: int) -> bool:
    try:
        with socket.create_connection((host, number), 5):
            return True
    except ConnectionRefusedError:
        return False


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


TOOLS = (
    "gcc|g\\+\\+|cc|c\\+\\+|cpp|clang|tcc|ld|as|make|cmake|ninja|meson|pip|easy_install"
    "|git|svn|hg|curl|wget|cargo|rustc|go|node|npm"
)
SCAN = rf"""
find / -xdev \( -type f -o -type l \) -perm /111 -regextype posix-extended \
    -regex '.*/([a-z0-9_]+-linux-gnu-)?({TOOLS})(-?[0-9]{{1,2}}(\.[0-9]+)?)?'
find / -xdev \( -name pip -o -name setuptools -o -name ensurepip -o -name '*.whl' \)
find / -xdev \( -name '*.key' -o -name 'id_*' -o -name .env -o -name .git -o -name '*.p12' \
    -o -name .netrc -o -name pip.conf \) -not -path '/proc/*' -not -path '/sys/*'
grep -rlE 'BEGIN [A-Z ]*PRIVATE KEY|lk-[A-Za-z0-9_-]{{20}}' \\
    /app /etc /run /root /home /opt/lookout/bin
true
"""


@pytest.mark.parametrize("service", ["api", "inference"])
def test_an_image_holds_no_secret_and_no_build_tool(stack: ComposeStack, service: str) -> None:
    image = stack.inspect(service)["Image"]
    # As root, who sees everything, and in a container of its own: this one has made its key.
    scan = ("run", "--rm", "--user", "0", "--network", "none", "--entrypoint", "sh", image, "-c")
    assert docker(*scan, f"({SCAN}) 2>/dev/null") == ""
    history = docker("history", "--no-trunc", "--format", "{{json .CreatedBy}}", image)
    assert not re.search(r"(?i)(password|secret|token)=", history)
    environment = json.loads(docker("inspect", image))[0]["Config"]["Env"]
    assert not [line for line in environment if re.search(r"(?i)key|token|password", line)]
