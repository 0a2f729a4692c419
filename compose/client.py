"""How a command speaks to a running stack: with its key, and in plain words when that fails."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

import httpx

from bus.errors import BadSettings
from compose.keys import key_for

PATIENCE_S = 30.0


class RefusedError(Exception):
    """The server said no, and why."""


def open_client(
    server: str, key: str | None, timeout: httpx.Timeout | float = PATIENCE_S
) -> httpx.Client:
    """A client of *server*; see `compose.keys.key_for`. Raise `BadSettings`."""
    found = key_for(server, key)
    headers = {"Authorization": f"Bearer {found}"} if found else {}
    # A redirect leads nowhere where the key may go.
    return httpx.Client(
        base_url=server, headers=headers, timeout=timeout, trust_env=False, follow_redirects=False
    )


def talk(options: argparse.Namespace, work: Callable[[httpx.Client], int]) -> int:
    """The exit status of *work* with the server of *options*; what goes wrong is said."""
    try:
        with open_client(options.server, options.key) as http:
            return work(http)
    except httpx.ConnectError:
        return fail(f"nothing answers at {options.server}: start it with `lookout up`")
    except httpx.HTTPStatusError as error:
        return fail(reason(error.response))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return fail(f"the connection broke: {error}")
    except (RefusedError, BadSettings) as error:
        return fail(str(error))


def found(answer: httpx.Response) -> dict[str, Any]:
    """The object that was asked for; raise `httpx.HTTPStatusError`."""
    told: dict[str, Any] = answer.raise_for_status().json()
    return told


def reason(answer: httpx.Response) -> str:
    """Why the server refuses, in its own words. The body must have been read."""
    try:
        text = str(json.loads(answer.content)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        text = f"the server answered {answer.status_code}"
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        text += "; give yours with LOOKOUT_API_KEY"
    return text


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fail(why: str) -> int:
    sys.stderr.write(f"lookout: {why}\n")
    return 1
