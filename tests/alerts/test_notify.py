"""A person gets a message that says what happened, with its picture, through Apprise."""

import base64
import logging
from time import monotonic
from typing import Any

import msgspec
import pytest

from alerts.targets import TargetEntry
from alerts.threads import in_thread
from alerts.way import Delivery, Refused, Target, Terms, Undelivered
from alerts.ways.notify import body, open_notify, title
from bus import names
from bus.alerts import Event, encode
from bus.redis import open_redis
from compose.ports import free_port
from tests.alerts.raising import delivering, fired, lost, settings
from tests.alerts.receiving import Receiver, receiving
from tests.conftest import Run

JPEG = b"\xff\xd8 a picture \xff\xd9"


def to(url: str, **changed: Any) -> Target:
    fields: dict[str, Any] = {"secret": "", "events": frozenset(), "snapshot": "attach"}
    return Target("phone", "notify", url, **{**fields, **changed})


def service(receiver: Receiver, path: str) -> str:
    return receiver.url(path).replace("http:", "json:")


async def send(
    redis_url: str, target: Target, event: Event, attempt: int = 1, base_url: str = ""
) -> None:
    async with open_redis(redis_url) as redis:
        await redis.set(names.snapshot("a1"), JPEG)
        async with open_notify(target, redis, Terms(base_url)) as way:
            await way.deliver(Delivery("1-0", event, encode(event), attempt))


def test_a_message_has_title_text_and_picture(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            entry = TargetEntry(service(receiver, "ok"))
            async with delivering(settings(redis_url, targets={"phone": entry})) as desk:
                await desk.redis.set(names.snapshot("a1"), JPEG)
                await desk.tell(fired(description="A brown box."))
                await desk.until("phone", delivered="1")
            (call,) = receiver.calls
            assert call.event["title"] == "The gate: Parcel"
            question, score, description = call.event["message"].split("\n")
            assert question == "Is there a parcel at the door?"
            assert score.startswith("93 %, 2026-11-2")
            assert description == "A brown box."
            (picture,) = call.event["attachments"]
            assert base64.b64decode(picture["base64"]) == JPEG
            assert picture["mimetype"] == "image/jpeg"

    run(scenario())


def test_every_event_says_what_it_is() -> None:
    assert title(fired(type="resolved")) == "The gate: Parcel is over"
    assert title(fired(camera_name="")) == "gate: Parcel"
    assert title(lost()) == "The gate: no picture"
    assert title(msgspec.structs.replace(lost(), type="camera_up")) == "The gate: back again"
    assert body(lost(), "").startswith("gives no frame\n")
    assert "%" not in body(fired(score=None), "")
    assert body(fired(), "https://c").endswith("\nhttps://c/v1/alerts/a1/snapshot.jpg")


def test_the_picture_may_be_a_link_or_left_out(run: Run, redis_url: str) -> None:
    with receiving() as receiver:
        url = service(receiver, "ok")
        run(send(redis_url, to(url, snapshot="link"), fired(), base_url="https://c"))
        run(send(redis_url, to(url, snapshot="none"), fired(), base_url="https://c"))
    linked, bare = (call.event for call in receiver.calls)
    assert linked["message"].endswith("/snapshot.jpg")
    assert "https" not in bare["message"]
    assert linked["attachments"] == bare["attachments"] == []


def test_words_go_alone_when_it_may_be_the_picture_that_is_not_wanted(
    run: Run, redis_url: str
) -> None:
    with receiving() as receiver:
        url = service(receiver, "413")
        with pytest.raises(Undelivered) as first:
            run(send(redis_url, to(url), fired()))
        with pytest.raises(Refused):
            run(send(redis_url, to(url), fired(), attempt=4))
    assert type(first.value) is Undelivered
    assert [len(call.event["attachments"]) for call in receiver.calls] == [1, 0]


@pytest.mark.parametrize(("answer", "kind"), [("401", Refused), ("500", Undelivered)])
def test_a_refusal_names_the_status_and_no_secret(
    run: Run,
    redis_url: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    answer: str,
    kind: type[Undelivered],
) -> None:
    caplog.set_level(logging.INFO)
    with receiving() as receiver, pytest.raises(Undelivered) as raised:
        url = f"json://me:SECRET@127.0.0.1:{receiver.port}/{answer}?token=SECRET"
        run(send(redis_url, to(url), lost()))
    assert (type(raised.value), str(raised.value)) == (kind, f"answered {answer}")
    assert "SECRET" not in "".join(caplog.messages)
    assert "SECRET" not in "".join(capfd.readouterr())


def test_a_service_that_is_away_is_tried_again(run: Run, redis_url: str) -> None:
    with pytest.raises(Undelivered, match="not reached") as raised:
        run(send(redis_url, to(f"json://127.0.0.1:{free_port()}/SECRET"), fired()))
    assert type(raised.value) is Undelivered


def test_a_thread_that_does_not_end_is_left_alone(run: Run) -> None:
    async def scenario() -> None:
        with receiving() as receiver, pytest.raises(TimeoutError):
            began = monotonic()
            try:
                await in_thread(lambda: receiver.gate.wait(20), 0.1)
            finally:
                assert monotonic() - began < 5

    run(scenario())


def test_an_error_in_a_thread_is_raised(run: Run) -> None:
    async def scenario() -> None:
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 // 0, 5)

    run(scenario())
