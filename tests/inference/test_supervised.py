"""Programs that we depend on: whatever they do, we know it, and nothing of them is left."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import pytest

from bus.errors import BadSettings
from inference.engine import EngineLost
from inference.supervised import LAST_WORDS, Program, Start, backoff, kept, running
from tests.conftest import Run

HANGS = "import time; time.sleep(600)"
DIES = "import sys; sys.exit('out of cheese')"
REFUSES = "import sys; sys.stderr.write('no such model\\n'); sys.exit(2)"
KILLS_ITSELF = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
CHATTERS = f"import sys; sys.stderr.write(100_000 * 'all is well\\n'); {DIES}"
GARBLES = "import sys; sys.stderr.buffer.write(bytes(range(256))); sys.exit(7)"
BREEDS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


class Life:
    """Of a program that needs no talking to."""

    def __init__(self, program: Program) -> None:
        self.program = program

    async def last(self) -> None:
        await self.program.while_alive(asyncio.Event().wait())


def start(*scripts: str) -> Start[Life]:
    """One script after the other, the last one for ever; only one that hangs gets ready."""
    left = iter(scripts)

    @asynccontextmanager
    async def life() -> AsyncGenerator[Life]:
        script = next(left, scripts[-1])
        async with running("stand-in", (sys.executable, "-c", script)) as program:
            if script != HANGS:
                await Life(program).last()
            yield Life(program)

    return life


def assert_reaped(pid: int) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("script", "error", "says"),
    [
        (DIES, EngineLost, r"stand-in died \(exit status 1\): out of cheese"),
        (REFUSES, BadSettings, "^no such model$"),
        (KILLS_ITSELF, EngineLost, r"stand-in died \(SIGKILL\): without a word"),
        (GARBLES, EngineLost, "exit status 7"),
    ],
)
def test_a_program_that_does_not_start_says_why(
    run: Run, script: str, error: type[Exception], says: str
) -> None:
    async def scenario() -> None:
        with pytest.raises(error, match=says):
            async with kept("stand-in", start(script)):
                pass

    run(scenario())


def test_stderr_never_fills_up_and_all_of_it_is_passed_on(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        with pytest.raises(EngineLost, match="out of cheese") as caught:
            async with kept("stand-in", start(CHATTERS)):
                pass
        assert len(str(caught.value)) < LAST_WORDS + 100

    run(scenario())
    assert capsys.readouterr().err.count("all is well\n") == 100_000


def test_a_lost_program_is_started_again(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with kept("stand-in", start(HANGS)) as program:
            seen = []
            for _ in range(3):
                life = await program.present()
                seen.append(life.program.pid)
                ended = asyncio.create_task(life.last())
                os.kill(life.program.pid, signal.SIGKILL)
                with pytest.raises(EngineLost, match="SIGKILL"):
                    await ended
            last = (await program.present()).program.pid
            assert len({*seen, last}) == 4
        for pid in (*seen, last):
            assert_reaped(pid)

    run(scenario())
    assert caplog.text.count("program lost name=stand-in") == 3


def test_a_program_that_will_not_start_again_is_tried_until_it_does(run: Run) -> None:
    async def scenario() -> None:
        async with kept("stand-in", start(HANGS, DIES, REFUSES, HANGS)) as program:
            first = (await program.present()).program
            os.kill(first.pid, signal.SIGKILL)
            with pytest.raises(EngineLost):
                await Life(first).last()
            assert (await program.present()).program.pid != first.pid

    run(scenario())


def test_a_fault_of_our_own_does_not_end_the_watch(run: Run) -> None:
    lives = []

    class Confused(Life):
        async def last(self) -> None:
            lives.append(self)
            if len(lives) == 1:
                raise ZeroDivisionError
            await super().last()

    @asynccontextmanager
    async def life() -> AsyncGenerator[Confused]:
        async with running("stand-in", (sys.executable, "-c", HANGS)) as program:
            yield Confused(program)

    async def scenario() -> None:
        async with kept("stand-in", life) as program:
            await program.present()
            while len(lives) < 2:
                await program.present()

    run(scenario())


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a stranger's end be awaited")
def test_what_a_program_has_started_goes_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    os.mkfifo(note)

    async def scenario() -> int:
        async with running("stand-in", (sys.executable, "-c", BREEDS, str(note))):
            return os.pidfd_open(int(await asyncio.to_thread(note.read_text)))

    grandchild = asyncio.run(scenario())
    assert select.select([grandchild], [], [], 10)[0], "it still runs"
    os.close(grandchild)


def test_a_start_that_is_given_up_leaves_nothing(run: Run) -> None:
    pids = []

    @asynccontextmanager
    async def life() -> AsyncGenerator[Life]:
        async with running("stand-in", (sys.executable, "-c", HANGS)) as program:
            pids.append(program.pid)
            await Life(program).last()
            yield Life(program)

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), kept("stand-in", life):
                pass

    run(scenario())
    assert_reaped(pids[0])


def test_tries_come_later_and_later_but_not_too_late() -> None:
    delays = list(islice(backoff(), 20))
    assert 0.1 <= delays[0] <= 0.2
    assert all(0.1 <= delay <= 10 for delay in delays)
    assert min(delays[7:]) >= 5
    assert len(set(delays)) == 20
