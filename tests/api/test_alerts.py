"""What has fired is found, shown, judged by its owner and forgotten."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest

from bus import names
from bus.alerts import Alert, encode
from tests.api.alerting import CAPTURED, Served, fired, serving
from tests.api.asking import file_of, refused, solid

JPEG = file_of(solid(), "JPEG")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("alerts")) as served:
        yield served


@pytest.fixture
def served(server: Served) -> Served:
    server.redis.flushall()
    return server


def listed(served: Served, **query: Any) -> list[str]:
    answer = served.http.get("/v1/alerts", params=query)
    assert answer.status_code == 200, answer.text
    return [alert["id"] for alert in answer.json()["data"]]


def keep(served: Served, count: int, **fields: Any) -> list[str]:
    """So many alerts, one a second, every third at the same time as another; newest first."""
    for number in range(count):
        served.keep(fired(f"a{number:04}", **fields), CAPTURED + number - (number % 3 == 0))
    index: Any = served.redis.zrevrange(names.ALERT_INDEX, 0, -1)
    return [alert.decode() for alert in index]


def test_alerts_are_listed_newest_first(served: Served) -> None:
    assert listed(served) == []
    everything = keep(served, 5)
    assert listed(served) == everything
    answer = served.http.get("/v1/alerts", params={"limit": 2}).json()
    assert (answer["object"], answer["has_more"]) == ("list", True)
    assert (answer["first_id"], answer["last_id"]) == (everything[0], everything[1])
    assert answer["data"][0]["object"] == "alert"
    assert answer["data"][0]["fired"]["rule"]["id"] == "gate"


def test_page_after_page_shows_every_alert_once_while_more_come(served: Served) -> None:
    everything = keep(served, 260)
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = served.http.get("/v1/alerts", params={"limit": 37, **after}).json()
        seen += [alert["id"] for alert in page["data"]]
        served.keep(fired(f"new-{len(seen)}"), CAPTURED + 10_000)
        if not page["has_more"]:
            break
        after = {"after": page["last_id"]}
    assert seen == everything


def test_alerts_are_found_by_rule_camera_state_and_time(served: Served) -> None:
    for number in range(250):
        camera, rule = f"c{number % 2}", f"r{number % 50}"
        alert = served.keep(fired(f"a{number}", rule=rule, camera=camera), CAPTURED + number)
        if number % 5 == 0:
            ended = msgspec.structs.replace(alert, state="resolved", resolved=alert.fired)
            served.redis.set(names.alert(alert.id), encode(ended))
    assert listed(served, rule="r7") == ["a207", "a157", "a107", "a57", "a7"]
    assert listed(served, rule="r7", camera="c0") == []
    assert listed(served, rule="r7", limit=2, after="a157") == ["a107", "a57"]
    assert listed(served, state="resolved", limit=3) == ["a245", "a240", "a235"]
    assert listed(served, state="firing", limit=1) == ["a249"]
    assert listed(served, since=CAPTURED + 247) == ["a249", "a248", "a247"]
    assert listed(served, until=CAPTURED + 2) == ["a1", "a0"]
    assert listed(served, since="2026-11-23T17:20:46Z", until="2026-11-23T18:20:48+01:00") == [
        "a1",
        "a0",
    ]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "nan"}, "since"),
        ({"until": "2026-11-23T17:20:46"}, "until"),
        ({"after": "nobody"}, "after"),
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"state": "open"}, "state"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_a_search_that_means_nothing_is_refused_by_field(
    served: Served, query: dict[str, Any], param: str
) -> None:
    answer = served.http.get("/v1/alerts", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].endswith(param)


def test_alerts_that_have_expired_or_that_nobody_can_read_are_left_out(served: Served) -> None:
    keep(served, 3)
    served.redis.delete(names.alert("a0001"))
    served.redis.set(names.alert("a0002"), b'{"id": "a0002", "state": "asleep"}')
    assert listed(served) == ["a0000"]
    assert served.http.get("/v1/alerts/a0002").status_code == 404


def test_an_alert_is_read_with_its_picture(served: Served) -> None:
    kept = served.keep(fired("a1"), CAPTURED, JPEG)
    answer = served.http.get("/v1/alerts/a1")
    assert answer.json() == {"object": "alert", **msgspec.to_builtins(kept)}
    picture = served.http.get(answer.json()["fired"]["snapshot"])
    assert (picture.headers["content-type"], picture.content) == ("image/jpeg", JPEG)


def test_a_picture_that_is_not_there_says_why(served: Served) -> None:
    served.keep(fired("a1"), CAPTURED)
    served.keep(msgspec.structs.replace(fired("a2"), snapshot=None), CAPTURED)
    for alert, code, reason in (
        ("a1", "snapshot_not_found", "expired"),
        ("a2", "snapshot_not_found", "attach_snapshot"),
        ("a3", "alert_not_found", "no alert 'a3'"),
    ):
        answer = served.http.get(f"/v1/alerts/{alert}/snapshot.jpg")
        assert reason in refused(answer, 404, code)


def test_what_its_owner_says_of_an_alert_is_kept(served: Served) -> None:
    served.keep(fired("a1"), CAPTURED)
    path = "/v1/alerts/a1/feedback"
    told = served.http.post(path, json={"correct": False, "note": "a cat — 猫"})
    assert (told.status_code, told.json()["correct"]) == (200, False)
    assert served.http.post(path, json={"correct": True}).json()["note"] == "a cat — 猫"
    assert served.http.get("/v1/alerts/a1").json()["correct"] is True
    assert served.http.post(path, json={"correct": None}).json()["correct"] is None
    ttl: Any = served.redis.ttl(names.alert("a1"))
    assert 0 < ttl <= 1000
    unknown = served.http.post("/v1/alerts/a9/feedback", json={"note": "?"})
    refused(unknown, 404, "alert_not_found")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "correct"),
        ({"correct": "no"}, "correct"),
        ({"correct": 0}, "correct"),
        ({"note": "x" * 1001}, "note"),
        ({"note": None}, "note"),
        ({"state": "resolved"}, "state"),
    ],
    ids=str,
)
def test_feedback_that_means_nothing_is_refused_by_field(
    served: Served, body: dict[str, object], param: str
) -> None:
    served.keep(fired("a1"), CAPTURED)
    refused(served.http.post("/v1/alerts/a1/feedback", json=body), 400, "bad_request", param)
    assert served.http.get("/v1/alerts/a1").json()["correct"] is None


def test_feedbacks_at_the_same_time_do_not_lose_each_other(served: Served) -> None:
    alerts = [served.keep(fired(f"a{number}"), CAPTURED) for number in range(8)]

    def say(pair: tuple[Alert, dict[str, object]]) -> httpx.Response:
        return served.http.post(f"/v1/alerts/{pair[0].id}/feedback", json=pair[1])

    said = [(alert, field) for alert in alerts for field in ({"correct": True}, {"note": "yes"})]
    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(say, said)} == {200}
    for alert in alerts:
        after = served.http.get(f"/v1/alerts/{alert.id}").json()
        assert (after["correct"], after["note"]) == (True, "yes")
        assert after["fired"] == msgspec.to_builtins(alert.fired)


def test_an_alert_is_forgotten_with_its_picture(served: Served) -> None:
    served.keep(fired("a1"), CAPTURED, JPEG)
    gone = served.http.delete("/v1/alerts/a1")
    assert gone.json() == {"id": "a1", "object": "alert.deleted", "deleted": True}
    assert listed(served) == []
    assert served.http.get("/v1/alerts/a1/snapshot.jpg").status_code == 404
    assert served.redis.keys("*a1*") == []
    assert served.http.delete("/v1/alerts/a1").status_code == 404
