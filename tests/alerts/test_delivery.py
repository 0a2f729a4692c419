"""Each target gets each event at least once, whatever becomes of the others and of us."""

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path
from signal import SIGKILL
from time import monotonic

import pytest

from alerts.targets import TargetEntry
from alerts.waiting import Patience, Waiting
from alerts.way import Target
from bus import names
from bus.redis import open_redis
from compose.ports import free_port
from tests.alerts.raising import QUICK, Desk, delivering, fired, lost, settings, true
from tests.alerts.receiving import receiving
from tests.conftest import Run

ROOT = Path(__file__).parents[2]
DELIVERER = """
import asyncio, sys
from alerts.delivery import Deliveries
from alerts.settings import AlertsSettings
from bus.redis import open_redis
from bus.settings import read
from tests.alerts.raising import QUICK

async def main():
    given = read(AlertsSettings)
    async with open_redis(given.redis_url) as redis:
        await Deliveries(redis, given, QUICK).run()

asyncio.run(main())
"""


def deliverer(redis_url: str, targets: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "REDIS_URL": redis_url, "LOOKOUT_TARGETS": targets}
    return subprocess.Popen([sys.executable, "-c", DELIVERER], cwd=ROOT, env=env)


def test_an_event_that_fails_is_tried_again_with_the_same_id(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            receiver.answers["hook"] = [500, 502]
            given = settings(redis_url, targets=(f"hook={receiver.url('hook')}",))
            async with delivering(given) as desk:
                await desk.tell(fired())
                now = await desk.until("hook", delivered="1")
            assert (now["failed"], now["waiting"], now["error"]) == ("2", "0", "")
            assert len({call.id for call in receiver.calls}) == 1
            assert len({call.body for call in receiver.calls}) == 1
            assert len(receiver.calls) == 3

    run(scenario())


def test_a_target_that_was_away_gets_what_it_missed(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        port = free_port()
        given = settings(redis_url, targets=(f"hook=http://127.0.0.1:{port}/hook",))
        async with delivering(given) as desk:
            for number in range(5):
                await desk.tell(fired(f"a{number}"))
            now = await desk.until("hook", waiting="5", error="no connection")
            assert "delivered" not in now
            with receiving(port) as receiver:
                await desk.until("hook", delivered="5", waiting="0")
        assert {call.event["id"] for call in receiver.calls} == {f"a{n}" for n in range(5)}
        assert len({call.id for call in receiver.calls}) == 5

    run(scenario())


def test_a_dead_or_slow_target_delays_no_other(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            paths = {"dead": "500", "held": "held", "quick": "ok"}
            targets = tuple(f"{name}={receiver.url(path)}" for name, path in paths.items())
            async with delivering(settings(redis_url, targets=targets)) as desk:
                for number in range(20):
                    await desk.tell(fired(f"a{number}"))
                await desk.until("quick", delivered="20")
                assert "delivered" not in await desk.counters("held")
                assert int((await desk.counters("dead"))["waiting"]) == 20
                receiver.gate.set()
                await desk.until("held", delivered="20")

    run(scenario())


def test_an_event_that_always_fails_holds_up_only_its_own_alert(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            receiver.answers["hook"] = [500]
            given = settings(redis_url, targets=(f"hook={receiver.url('hook')}",))
            async with delivering(given) as desk:
                await desk.tell(fired("stuck"))
                await desk.tell(fired("stuck", type="resolved"))
                await desk.tell(fired("other"))
                await desk.until("hook", delivered="3")
            told = [(call.event["id"], call.event["type"]) for call in receiver.calls]
            assert told[0] == ("stuck", "fired")
            assert told.index(("stuck", "resolved")) > told.index(("stuck", "fired"), 1)

    run(scenario())


def test_alerts_do_not_wait_for_each_other_while_a_target_rests_between_tries() -> None:
    waiting = Waiting(Patience(first_s=1, longest_s=300, fresh_s=10))
    for entry, alert in (("1", "poison"), ("2", "poison"), ("3", "good"), ("4", "good")):
        waiting.add(entry, alert, now=0.0)
    assert (first := waiting.first())
    assert (first.entry, first.attempt) == ("1", 1)
    waiting.failed("1", now=0.0, after_s=0.0)
    for entry in ("3", "4"):  # after about a second, and all of them
        assert (first := waiting.first())
        assert first.entry == entry
        assert first.due <= 1.0
        waiting.settle(entry)
        waiting.answered()
    assert (first := waiting.first())
    assert (first.entry, first.attempt) == ("1", 2)
    for number in range(2, 40):
        waiting.failed("1", now=0.0, after_s=0.0)
        assert (first := waiting.first())
        assert first.due <= min(300, 2**number)
    assert first.due >= 200
    waiting.add("5", "fresh", now=0.0)
    assert (first := waiting.first())
    assert (first.entry, first.due) == ("5", 10.0)


def test_the_target_is_asked_no_sooner_than_it_has_said() -> None:
    waiting = Waiting(Patience())
    waiting.add("1", "a", now=0.0)
    waiting.failed("1", now=0.0, after_s=120.0)
    waiting.add("2", "b", now=1.0)
    assert (first := waiting.first())
    assert first.due == 120.0


def test_what_can_never_work_is_dropped_at_once(
    run: Run, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            given = settings(redis_url, targets=(f"hook={receiver.url('410')}",))
            async with delivering(given) as desk:
                await desk.tell(fired())
                now = await desk.until("hook", dropped="1", waiting="0")
                assert (now["error"], await desk.pending("hook")) == ("answered 410", 0)
            assert len(receiver.calls) == 1

    run(scenario())
    assert len([line for line in caplog.messages if line.startswith("event dropped")]) == 1


def test_what_is_too_old_is_dropped(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            patience = Patience(first_s=0.05, longest_s=0.1, keep_s=0.3)
            given = settings(redis_url, targets=(f"hook={receiver.url('500')}",))
            async with delivering(given, patience) as desk:
                await desk.tell(fired())
                now = await desk.until("hook", dropped="1")
            assert now["error"] == "it is too old"
            assert int(now["failed"]) >= 1

    run(scenario())


def test_a_killed_process_loses_nothing(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            targets = f"hook={receiver.url('held')}"
            async with open_redis(redis_url) as redis:
                desk = Desk(redis)
                with deliverer(redis_url, targets) as first:
                    await desk.until("hook", kind="webhook")
                    for number in range(3):
                        await desk.tell(fired(f"a{number}"))
                    await true(lambda: receiver.calls)  # it is in the middle of the first
                    first.send_signal(SIGKILL)
                receiver.gate.set()
                with deliverer(redis_url, targets) as second:
                    await desk.until("hook", delivered="3", waiting="0")
                    second.kill()
                assert await desk.pending("hook") == 0
            told = [call.id for call in receiver.calls]
            assert len(set(told)) == 3
            assert len(told) == 4  # the first one was under way already

    run(scenario())


def test_two_processes_at_once_deliver_everything(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            given = settings(redis_url, targets=(f"hook={receiver.url('ok')}",))
            async with delivering(given) as one, delivering(given):
                for number in range(10):
                    await one.tell(fired(f"a{number}"))
                while await one.pending("hook") or len({c.id for c in receiver.calls}) < 10:
                    await asyncio.sleep(0.02)

    run(scenario())


def test_a_target_gets_only_what_it_is_to_get(
    run: Run, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            url = receiver.url("ok")
            cameras = TargetEntry(f"{url}?c", events=("camera_down",))
            given = settings(redis_url, targets={"all": url, "cameras": cameras})
            async with delivering(given) as desk:
                await desk.tell(fired("a1"), "all nobody")
                await desk.tell(fired("a2"), "nobody cameras")
                await desk.tell(fired("a3", type="updated", description="A parcel."))
                await desk.tell(lost("c1"))
                await desk.until("all", delivered="2")
                await desk.until("cameras", delivered="1")
                assert await desk.pending("all") + await desk.pending("cameras") == 0
            told = {(call.path, call.event["id"]) for call in receiver.calls}
            assert told == {("/ok", "a1"), ("/ok", "c1"), ("/ok?c", "c1")}

    run(scenario())
    assert len([line for line in caplog.messages if "target=nobody" in line]) == 1


def test_a_new_target_is_not_flooded_and_one_that_goes_leaves_nothing(
    run: Run, redis_url: str
) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            async with open_redis(redis_url) as redis:
                await Desk(redis).tell(fired("old"))
            first = settings(redis_url, targets=(f"one={receiver.url('ok')}",))
            async with delivering(first) as desk:
                await desk.tell(fired("new"))
                await desk.until("one", delivered="1")
            second = settings(redis_url, targets=(f"two={receiver.url('ok')}",))
            async with delivering(second) as desk:
                assert await desk.counters("one") == {}
                assert await desk.redis.smembers(names.TARGETS) == {b"two"}
                groups = await desk.redis.xinfo_groups(names.ALERTS_LOG)
                assert [group["name"] for group in groups] == [b"delivery:two"]
            assert [call.event["id"] for call in receiver.calls] == ["new"]

    run(scenario())


def test_a_log_that_is_lost_and_begins_anew_is_delivered(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            given = settings(redis_url, targets=(f"hook={receiver.url('ok')}",))
            async with delivering(given) as desk:
                await desk.tell(fired("before"))
                await desk.until("hook", delivered="1")
                await desk.redis.flushall()
                await desk.tell(fired("after"))
                await desk.until("hook", delivered="1")
            assert [call.event["id"] for call in receiver.calls] == ["before", "after"]

    run(scenario())


def test_no_secret_is_logged_or_kept(
    run: Run, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alerts")
    kept: list[str] = []

    async def scenario() -> None:
        with receiving() as receiver:
            answers = ("500/SECRET", "410?token=SECRET", "ok/SECRET")
            receiver.answers |= {"500/SECRET": [500, 500], "410": [410]}
            targets = [f"t{n}={receiver.url(path, 'me:SECRET')}" for n, path in enumerate(answers)]
            targets += [f"gone=https://me:SECRET@127.0.0.1:{free_port()}/SECRET?k=SECRET"]
            async with delivering(settings(redis_url, targets=tuple(targets))) as desk:
                await desk.tell(fired())
                for name, counter in (("t0", "delivered"), ("t1", "dropped"), ("t2", "delivered")):
                    await desk.until(name, **{counter: "1"})
                await desk.until("gone", error="no connection")
                for name in ("t0", "t1", "t2", "gone"):
                    kept.append(str(await desk.counters(name)))
            assert all("SECRET" in call.path for call in receiver.calls)

    run(scenario())
    assert "SECRET" not in "".join(kept)
    assert "SECRET" not in "".join(caplog.messages)
    assert "127.0.0.1" in kept[0]


def test_a_target_prints_without_its_credentials() -> None:
    target = Target("t", "webhook", "https://u:SECRET@h:1/SECRET", "SECRET", frozenset(), "none")
    assert str(target) == repr(target) == "Target(t https://h:1)"
    token = Target("t", "notify", "tgram://SECRET/1", "", frozenset(), "none")
    assert repr(token) == "Target(t tgram://)"


def test_stopping_does_not_wait_for_a_target(run: Run, redis_url: str) -> None:
    async def scenario() -> None:
        with receiving() as receiver:
            given = settings(redis_url, targets=(f"hook={receiver.url('held')}",))
            async with delivering(given, QUICK) as desk:
                await desk.tell(fired())
                await true(lambda: receiver.calls)
                began = monotonic()
            assert monotonic() - began < 3

    run(scenario())
