"""A webhook gets the event field for field, and can tell that it is from us."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from email.utils import format_datetime
from time import time
from typing import Any

import msgspec
import pytest

from alerts.targets import TargetEntry
from alerts.way import Delivery, Refused, Snapshot, Target, Terms, Undelivered
from alerts.ways.webhook import open_webhook
from bus import names
from bus.alerts import Event, encode
from bus.redis import open_redis
from tests.alerts.raising import delivering, fired, lost, settings
from tests.alerts.receiving import Call, receiving
from tests.conftest import Run

JPEG = b"\xff\xd8 a picture \xff\xd9"


def delivery(event: Event | None = None) -> Delivery:
    event = event or fired()
    return Delivery("1732382446123-0", event, encode(event), attempt=1)


def target(url: str, **changed: Any) -> Target:
    fields: dict[str, Any] = {"secret": "", "events": frozenset(), "snapshot": "link"}
    return Target("hook", "webhook", url, **{**fields, **changed})


async def post(redis_url: str, to: Target, what: Delivery, base_url: str = "") -> None:
    async with open_redis(redis_url) as redis:
        await redis.set(names.snapshot("a1"), JPEG)
        async with open_webhook(to, redis, Terms(base_url)) as way:
            await way.deliver(what)


def parts_of(call: Call) -> dict[str, bytes]:
    """Of a multipart form, by name."""
    head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
    parsed: Message = BytesParser().parsebytes(head + call.body)
    found = {}
    for part in parsed.walk():
        if name := part.get_param("name", header="content-disposition"):
            found[str(name)] = bytes(part.get_payload(decode=True))
    return found


def test_an_event_arrives_as_it_is_in_the_log(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            given = settings(redis_url, targets=(f"hook={receiver.url('hook?a=1')}",))
            async with delivering(given) as desk:
                await desk.tell(fired())
                await desk.until("hook", delivered="1")
                log: Any = await desk.redis.xrange(names.ALERTS_LOG)
            ((entry, fields),) = log
            (call,) = receiver.calls
            assert (call.path, call.body) == ("/hook?a=1", fields[b"event"])
            assert call.headers["content-type"] == "application/json"
            assert call.headers["x-lookout-event"] == "fired"
            assert call.id == entry.decode()
            assert "x-lookout-signature" not in call.headers

    run(scenario())


@pytest.mark.parametrize("snapshot", ["link", "attach"])
def test_the_signature_is_over_what_is_sent(run: Run, redis_url: str, snapshot: Snapshot) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            entry = TargetEntry(receiver.url("hook"), secret="s3cret", snapshot=snapshot)
            async with delivering(settings(redis_url, targets={"hook": entry})) as desk:
                await desk.redis.set(names.snapshot("a1"), JPEG)
                await desk.tell(fired())
                await desk.until("hook", delivered="1")
            (call,) = receiver.calls
            at, signature = call.headers["x-lookout-signature"].split(",")
            signed = f"{at.removeprefix('t=')}.".encode() + call.body
            wanted = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
            assert signature == f"v1={wanted}"
            assert abs(time() - int(at.removeprefix("t="))) < 60

    run(scenario())


def test_the_snapshot_is_a_whole_link_where_ours_is_known(run: Run, redis_url: str) -> None:
    with receiving() as receiver:
        run(post(redis_url, target(receiver.url("ok")), delivery(), "https://cam.example"))
    told = msgspec.json.decode(encode(fired()))
    link = "https://cam.example/v1/alerts/a1/snapshot.jpg"
    assert receiver.calls[0].event == {**told, "snapshot": link}


def test_the_snapshot_may_come_along(run: Run, redis_url: str) -> None:
    with receiving() as receiver:
        run(post(redis_url, target(receiver.url("ok"), snapshot="attach"), delivery()))
    parts = parts_of(receiver.calls[0])
    assert parts == {"event": encode(fired()), "snapshot": JPEG}


def test_the_snapshot_may_be_left_out(run: Run, redis_url: str) -> None:
    with receiving() as receiver:
        run(post(redis_url, target(receiver.url("ok"), snapshot="none"), delivery(), "http://x"))
    assert receiver.calls[0].event["snapshot"] is None


def test_a_snapshot_that_is_not_there_is_not_missed(run: Run, redis_url: str) -> None:
    to_attach = {"snapshot": "attach"}
    with receiving() as receiver:
        run(post(redis_url, target(receiver.url("ok"), **to_attach), delivery(fired("a9"))))
        run(post(redis_url, target(receiver.url("ok"), **to_attach), delivery(lost())))
    assert [call.event["id"] for call in receiver.calls] == ["a9", "c1"]


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ("400", Refused, "answered 400"),
        ("404", Refused, "answered 404"),
        ("410", Refused, "answered 410"),
        ("408", Undelivered, "answered 408"),
        ("425", Undelivered, "answered 425"),
        ("429", Undelivered, "answered 429"),
        ("500", Undelivered, "answered 500"),
        ("307", Undelivered, "answered 307: redirects are not followed"),
    ],
)
def test_only_what_can_never_work_is_refused(
    run: Run, redis_url: str, answer: str, kind: type[Undelivered], reason: str
) -> None:
    with receiving() as receiver:
        receiver.headers["Location"] = receiver.url("ok")
        with pytest.raises(Undelivered) as raised:
            run(post(redis_url, target(receiver.url(answer)), delivery()))
    assert (type(raised.value), str(raised.value)) == (kind, reason)
    assert len(receiver.calls) == 1


@pytest.mark.parametrize("answer", ["429", "503"])
def test_a_target_may_ask_for_time(run: Run, redis_url: str, answer: str) -> None:
    assert _asked_s(run, redis_url, answer, "120") == 120
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    assert 500 < _asked_s(run, redis_url, answer, later) <= 600
    for nonsense in ("soon", "-5", ""):
        assert _asked_s(run, redis_url, answer, nonsense) == 0


def _asked_s(run: Run, redis_url: str, answer: str, header: str) -> float:
    with receiving() as receiver, pytest.raises(Undelivered) as raised:
        receiver.headers["Retry-After"] = header
        run(post(redis_url, target(receiver.url(answer)), delivery()))
    return raised.value.after_s


def test_a_login_in_the_url_is_used(run: Run, redis_url: str) -> None:
    with receiving() as receiver:
        run(post(redis_url, target(receiver.url("ok", "me:secret")), delivery()))
    assert receiver.calls[0].headers["authorization"].startswith("Basic ")


def test_what_is_no_web_server_is_not_reached(run: Run, redis_url: str) -> None:
    with receiving() as receiver, pytest.raises(Undelivered, match="no connection"):
        url = receiver.url("SECRET").replace("http:", "https:")
        run(post(redis_url, target(url), delivery()))
