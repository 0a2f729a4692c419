"""Rules that their owner adds, changes and removes, over HTTP and on the command line."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from bus import names
from bus.alerts import Standing
from bus.rules import Rule, encode_rule
from tests.api.alerting import QUESTION, Served, serving
from tests.api.asking import refused
from tests.stack import Stack
from tests.test_commands import lookout as command

ASK = {"question": QUESTION}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("rules"), LOOKOUT_MAX_RULES="6") as served:
        yield served


@pytest.fixture
def served(server: Served) -> Served:
    server.redis.flushall()
    return server


@pytest.fixture
def http(served: Served) -> httpx.Client:
    return served.http


def add(http: httpx.Client, **fields: object) -> dict[str, Any]:
    answer = http.post("/v1/rules", json={**ASK, **fields})
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


def ids(http: httpx.Client) -> list[str]:
    return [rule["id"] for rule in http.get("/v1/rules").json()["data"]]


def test_a_rule_is_added_read_changed_replaced_and_removed(http: httpx.Client) -> None:
    added = add(http, id="gate", on=0.9, every_s=2)
    assert (added["object"], added["id"], added["question"]) == ("rule", "gate", QUESTION)
    assert (added["on"], added["off"], added["every_s"], added["for_s"]) == (0.9, 0.6, 2, 0)
    assert http.get("/v1/rules/gate").json() == added
    changed = http.patch("/v1/rules/gate", json={"name": "The gate", "every_s": None}).json()
    assert changed == {**added, "name": "The gate", "every_s": 1}
    replaced = http.put("/v1/rules/gate", json=ASK)
    assert (replaced.status_code, replaced.json()["on"], replaced.json()["name"]) == (200, 0.6, "")
    gone = http.delete("/v1/rules/gate")
    assert gone.json() == {"id": "gate", "object": "rule.deleted", "deleted": True}
    assert ids(http) == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_rule_that_is_not_there_is_a_404(http: httpx.Client, method: str) -> None:
    answer = http.request(method, "/v1/rules/attic", json={} if method == "PATCH" else None)
    assert "there is no rule 'attic'" in refused(answer, 404, "rule_not_found")


def test_put_makes_a_rule_that_is_not_there(http: httpx.Client) -> None:
    assert http.put("/v1/rules/yard", json=ASK).status_code == 201
    refused(http.put("/v1/rules/yard", json={**ASK, "id": "gate"}), 400, "bad_request", "id")
    refused(http.put("/v1/rules/a b", json=ASK), 400, "bad_request", "id")
    assert ids(http) == ["yard"]


def test_an_id_is_made_from_the_name_or_the_question(http: httpx.Client) -> None:
    assert add(http, name="Front door!")["id"].startswith("front-door-")
    first, second = add(http)["id"], add(http)["id"]
    assert first.startswith("is-there-a-person-at-the-gate-")
    assert first != second
    assert add(http, question="犬はいますか")["id"].startswith("rule-")


def test_what_was_read_may_be_written_back(http: httpx.Client) -> None:
    zones = {"front": {"polygon": [[0, 0], [1, 0], [1, 1]], "mode": "mask"}}
    schedule = {"from": "22:00", "to": "06:00", "days": ["mon"], "zone": "Europe/Berlin"}
    added = add(http, id="gate", cameras=["front"], zones=zones, schedule=schedule)
    assert http.put("/v1/rules/gate", json=added).json() == added
    (listed,) = http.get("/v1/rules").json()["data"]
    assert http.patch("/v1/rules/gate", json=listed).json() == added


def test_two_rules_cannot_have_the_same_id(http: httpx.Client) -> None:
    add(http, id="gate")
    answer = http.post("/v1/rules", json={"question": "Is it open?", "id": "gate"})
    assert "PATCH" in refused(answer, 409, "rule_exists", "id")
    assert http.get("/v1/rules/gate").json()["question"] == QUESTION


def test_there_is_a_limit_to_rules(http: httpx.Client) -> None:
    for number in range(6):
        add(http, id=f"n{number}")
    for answer in (http.post("/v1/rules", json=ASK), http.put("/v1/rules/more", json=ASK)):
        assert "LOOKOUT_MAX_RULES" in refused(answer, 429, "overloaded")
    assert http.put("/v1/rules/n5", json=ASK).status_code == 200
    assert http.delete("/v1/rules/n5").status_code == 200
    add(http)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"question": ""}, "question"),
        ({"question": None}, "question"),
        ({"question": "x" * 501}, "question"),
        ({"id": "a b"}, "id"),
        ({"cameras": []}, "cameras"),
        ({"cameras": "front"}, "cameras"),
        ({"every_s": "often"}, "every_s"),
        ({"on": 0.3, "off": 0.5}, "off"),
        ({"zones": {"front": {"polygon": [[0, 0]]}}}, "zones.front.polygon"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_what_cannot_be_a_rule_is_refused_by_field(
    http: httpx.Client, fields: dict[str, object], param: str
) -> None:
    refused(http.post("/v1/rules", json={**ASK, **fields}), 400, "bad_request", param)
    add(http, id="gate")
    refused(http.patch("/v1/rules/gate", json=fields), 400, "bad_request", param)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b'"question"',
        b"\xff\xfe",
        b'{"question": "\xff"}',
        b'{"question": "\\ud800"}',
        b'{"question": "x", "on": NaN}',
        b'{"question": "x", "on": 1e999}',
        b'{"question": "x", "cameras": ' + b"[" * 50_000,
        b'{"question": "x", "zones": {"\\ud800": 7}}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_no_rule_is_a_400(http: httpx.Client, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = http.post("/v1/rules", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "bad_request"
    assert ids(http) == []


def test_a_rule_is_json_and_not_without_end(http: httpx.Client) -> None:
    body = json.dumps(ASK).encode()
    plain = http.post("/v1/rules", content=body, headers={"content-type": "text/plain"})
    assert "Content-Type" in refused(plain, 400, "bad_request")
    huge = {**ASK, "prompt": "x" * 300_000}
    assert "256 KiB" in refused(http.post("/v1/rules", json=huge), 413, "request_too_large")


def test_cameras_that_are_not_there_are_accepted_and_told(served: Served) -> None:
    served.http.post("/v1/cameras", json={"id": "front", "url": "demo:"})
    zones = {
        "attic": {"polygon": [[0, 0], [1, 0], [1, 1]]},
        "*": {"polygon": [[0, 0], [1, 0], [1, 1]]},
    }
    added = add(served.http, id="gate", cameras=["front", "shed"], zones=zones)
    assert [warning.split("'")[1] for warning in added["warnings"]] == ["attic", "shed"]
    everywhere = served.http.patch("/v1/rules/gate", json={"cameras": ["*"], "zones": {}})
    assert everywhere.json()["warnings"] == []


def test_changes_at_the_same_time_do_not_lose_each_other(http: httpx.Client) -> None:
    add(http, id="gate")
    fields = {"name": "n", "every_s": 9, "on": 0.8, "for_s": 3, "clear_s": 4, "cooldown_s": 5}

    def change(field: str) -> httpx.Response:
        return http.patch("/v1/rules/gate", json={field: fields[field]})

    with ThreadPoolExecutor(6) as pool:
        assert {answer.status_code for answer in pool.map(change, fields)} == {200}
    after = http.get("/v1/rules/gate").json()
    assert {field: after[field] for field in fields} == fields


def test_every_change_is_announced(served: Served) -> None:
    opened: Any = served.redis
    with opened.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(names.RULE_CHANGES)
        assert channel.get_message(timeout=5) is None
        add(served.http, id="gate")
        served.http.patch("/v1/rules/gate", json={"on": 0.9})
        served.http.put("/v1/rules/gate", json=ASK)
        served.http.delete("/v1/rules/gate")
        told = [channel.get_message(timeout=5) for _ in range(4)]
    assert [message and message["data"] for message in told] == [b"gate"] * 4


def test_a_rule_tells_how_it_stands_on_each_camera(served: Served) -> None:
    add(served.http, id="gate")
    state: dict[str, Any] = {"phase": "firing", "score": 0.93, "alert": "a1", "every_s": 1.5}
    counts: dict[str, Any] = {"judged": 25, "skipped": 75, "at": 1_795_454_446.5}
    standing = Standing(rule="gate", name="", question=QUESTION, camera="front", **state, **counts)
    served.stand(standing)
    served.stand(Standing(rule="gate2", name="", question="?", camera="front"))
    served.stand(
        Standing(rule="gate", name="", question="?", camera="shed", error="the camera is down")
    )
    front, shed = served.http.get("/v1/rules/gate").json()["standings"]
    assert front == {
        **{"camera": "front", **state, "by": "logits", "judged": 25, "skipped": 75},
        **{"saved": 0.75, "at": "2026-11-23T17:20:46.500Z", "error": None},
    }
    assert (shed["phase"], shed["saved"], shed["error"]) == ("ok", None, "the camera is down")
    (listed,) = served.http.get("/v1/rules").json()["data"]
    assert listed["standings"] == [front, shed]


def series(served: Served) -> dict[str, float]:
    lines = served.http.get("/metrics").text.splitlines()
    told = [line.rpartition(" ") for line in lines if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in told}


def test_metrics_tell_how_rules_stand_until_they_are_gone(served: Served) -> None:
    add(served.http, id="gate")
    add(served.http, id="dog", question='Is there a "dog"?')
    counts = {"judged": 25, "skipped": 75, "every_s": 1.5}
    for camera, phase in (("front", "firing"), ("shed", "pending")):
        told: dict[str, Any] = {"camera": camera, "phase": phase, "score": 0.5, **counts}
        served.stand(Standing(rule="gate", name="", question=QUESTION, **told))
    found = series(served)
    assert found[f'alert_status{{alert_number="gate",alert_string="{QUESTION}"}}'] == 1
    assert found['alert_status{alert_number="dog",alert_string="Is there a \\"dog\\"?"}'] == 0
    for name, value in {
        "score": 0.5,
        "state": 2,
        "interval_seconds": 1.5,
        "judged_total": 25,
        "skipped_total": 75,
    }.items():
        assert found[f'lookout_rule_{name}{{camera="front",rule="gate"}}'] == value
    assert found['lookout_rule_state{camera="shed",rule="gate"}'] == 1
    served.http.delete("/v1/rules/gate")
    assert not [name for name in series(served) if '"gate"' in name]


def test_a_rule_of_the_settings_that_its_owner_takes_over_is_his(served: Served) -> None:
    for rule_id in ("gate", "dog"):
        served.redis.hset(names.RULES, rule_id, encode_rule(Rule(id=rule_id, question=QUESTION)))
        served.redis.sadd(names.SETTING_RULES, rule_id)
    served.http.patch("/v1/rules/gate", json={"on": 0.9})
    assert served.redis.smembers(names.SETTING_RULES) == {b"gate", b"dog"}
    served.http.put("/v1/rules/gate", json=ASK)
    served.http.delete("/v1/rules/dog")
    assert served.redis.smembers(names.SETTING_RULES) == set()


def test_a_rule_that_this_version_cannot_read_harms_no_other(served: Served) -> None:
    served.redis.hset(names.RULES, "newer", b'{"question": "x", "dream": true}')
    add(served.http, id="gate")
    assert ids(served.http) == ["gate"]
    assert served.http.get("/v1/rules/newer").status_code == 404
    assert served.http.patch("/v1/rules/newer", json={}).status_code == 404
    assert served.http.delete("/v1/rules/newer").status_code == 200


def test_rules_are_kept_by_the_command_line(echo_stack: Stack) -> None:
    def rules(*arguments: str) -> str:
        told = command("rules", "--server", echo_stack.url, *arguments)
        assert told.returncode == 0, told.stderr
        return told.stdout + told.stderr

    zone = ("--zone", "demo=0,0 1,0 1,0.5")
    options = ("--id", "cli", "--camera", "shed", "--camera", "demo", "--every", "5", "--on", "0.9")
    assert "cli" in rules("add", "Is it?", *options, *zone, "--for", "60", "--name", "It")
    added = httpx.get(f"{echo_stack.url}/v1/rules/cli").json()
    assert (added["every_s"], added["on"], added["for_s"], added["name"]) == (5, 0.9, 60, "It")
    assert added["zones"]["demo"]["polygon"] == [[0, 0], [1, 0], [1, 0.5]]
    assert "Is it?  [shed, demo]" in rules("list")
    assert "Is it?\n[image 1: " in rules("test", "cli", "--camera", "demo")
    assert "Is this?\n[image 1: " in rules("test", "Is this?", "--camera", "demo")
    assert "cli is removed" in rules("rm", "cli")
    gone = command("rules", "--server", echo_stack.url, "rm", "cli")
    assert (gone.returncode, "there is no rule 'cli'" in gone.stderr) == (1, True)
    wrong = command("rules", "--server", echo_stack.url, "add", "Is it?", "--zone", "1,a 0,0 1,1")
    assert (wrong.returncode, "polygon" in wrong.stderr) == (1, True)
