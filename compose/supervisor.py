"""Keep a process running: start it, notice its end, start it again, stop it."""

import asyncio
import logging
import os
import random
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic

from bus.child import spawn, stop
from bus.errors import BadSettings

log = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 5.0
STEADY_S = 10.0  # a process that lived this long begins again with the first wait
BAD_SETTINGS = 2  # exit status of a process that can never start like this


class Supervised:
    """One process of the stack. `run` keeps it alive, `stop` ends it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        on_death: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self.name, self._command, self._env = name, command, env
        self._on_death = on_death
        self._child: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def run(self) -> None:
        """Until `stop`. Raise `BadSettings` when the process says that it cannot start."""
        wait_s = FIRST_WAIT_S
        while not self._stopping:
            began, process = monotonic(), f"{self.name}-{secrets.token_hex(3)}"
            self._child = await self._start(process)
            status = await self._child.wait()
            if self._stopping:
                return
            if status == BAD_SETTINGS:
                raise BadSettings(f"{self.name} cannot start: its reason stands above")
            log.warning("%s ended status=%d, starting it again", self.name, status)
            if self._on_death:
                await self._on_death(process)
            wait_s = FIRST_WAIT_S if monotonic() - began > STEADY_S else wait_s
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _start(self, process: str) -> asyncio.subprocess.Process:
        # Should we die, it is asked to stop: it drains, and takes its own children along.
        env = {**os.environ, **self._env, "LOOKOUT_PROCESS": process}
        stdout = sys.stderr.fileno()  # ours says one thing only: ready
        return await spawn(self._command, env=env, stdout=stdout, orphan_signal=signal.SIGTERM)

    async def stop(self, within_s: float) -> None:
        self._stopping = True
        if self._child:
            await stop(self._child, within_s)


def service(module: str) -> list[str]:
    """The command of one of our services."""
    return [sys.executable, "-m", module]
