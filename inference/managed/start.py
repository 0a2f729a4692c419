"""Start a program and wait for its first answer; once more where only its port was taken."""

import logging
import os
import re
import secrets
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from time import monotonic

from bus.errors import BadSettings, LookoutError
from inference.managed.heard import Heard
from inference.managed.life import Served
from inference.managed.ready import Loading
from inference.managed.recipe import HOST, Recipe
from inference.managed.surroundings import environment, reserved_port
from inference.supervised import NOTE, Program, running
from inference.upstream.client import Upstream, open_upstream
from inference.upstream.endpoint import Deadlines, Endpoint

log = logging.getLogger(__name__)

GUARD = "inference.managed.guard"
GUARD_S = 30.0  # for the guard, after the grace of its program: a driver may hold what is killed
PORTS = 3  # that are tried
IN_USE = re.compile(r"address already in use|couldn't bind|EADDRINUSE", re.IGNORECASE)


@asynccontextmanager
async def open_life(recipe: Recipe) -> AsyncGenerator[Served]:
    """A program that has answered a request; it and all its family are gone afterwards."""
    async with AsyncExitStack() as stack:
        yield await _started(stack, recipe)


async def _started(stack: AsyncExitStack, recipe: Recipe) -> Served:
    for port_left in reversed(range(PORTS)):
        key = secrets.token_hex(24)
        heard = Heard(recipe.model, key, recipe.progress, NOTE.get())
        try:
            async with AsyncExitStack() as attempt:
                served = await _start(attempt, recipe, key, heard)
                stack.push_async_exit(attempt.pop_all())
                return served
        except LookoutError as error:
            words = "\n".join(heard.lines)
            if not port_left or not IN_USE.search(words):
                raise _advised(recipe, words, error) from error
            log.warning("program found its port taken name=%s", recipe.model)
    raise AssertionError


def _advised(recipe: Recipe, words: str, error: LookoutError) -> LookoutError:
    for advice in recipe.advice:
        if found := advice.pattern.search(words):
            return BadSettings(f"{recipe.program}: {advice.text.format(*found.groups())}")
    return error


async def _start(stack: AsyncExitStack, recipe: Recipe, key: str, heard: Heard) -> Served:
    began, query, note = monotonic(), recipe.query, NOTE.get()
    note.text = f"starting {recipe.program}"
    port = stack.enter_context(reserved_port())
    # Opened before the program, closed after it: requests in flight end with its death.
    upstream = await stack.enter_async_context(_connected(recipe, port, key))
    program = await stack.enter_async_context(_guarded(recipe, port, key, heard))
    sees = await program.while_alive(Loading(recipe, upstream, heard).ready())
    upstream.deadlines = Deadlines(first_token_s=query.first_token_s, token_s=query.token_s)
    note.text = ""
    facts = {"program": recipe.program, "model": recipe.model, "slots": query.slots}
    facts |= {"pictures": "yes" if sees else "no", **recipe.facts()}
    told = " ".join(f"{name}={value}" for name, value in facts.items() if value not in ("", None))
    log.info("engine ready %s load_s=%.1f", told, monotonic() - began)
    return Served(program, upstream, sees)


def _connected(recipe: Recipe, port: int, key: str) -> AbstractAsyncContextManager[Upstream]:
    """Patient as long as the program starts: its first answer may take as long as to load it."""
    query = recipe.query
    endpoint = Endpoint(f"http://{HOST}:{port}/v1", recipe.served, key)
    patient = Deadlines(first_token_s=query.start_most_s, token_s=query.start_most_s)
    return open_upstream(
        endpoint,
        patient,
        recipe.dialect,
        slots=query.slots,
        judge_by=query.judge,
        max_side=query.max_side,
    )


def _guarded(
    recipe: Recipe, port: int, key: str, heard: Heard
) -> AbstractAsyncContextManager[Program]:
    stop_s = recipe.query.stop_s
    command = (sys.executable, "-m", GUARD, str(stop_s), *recipe.command(port, key))
    env = {**environment(os.environ, from_hub=recipe.from_hub), **recipe.env(key)}
    return running(recipe.program, command, env=env, ear=heard, stop_s=stop_s + GUARD_S)
