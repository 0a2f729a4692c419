"""Beyond this machine, players show a key: it is the password of any user."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bus.keys import Key, Keys
from preview import digest
from preview.digest import authorization
from preview.rtsp import status_of
from tests.conftest import Run
from tests.preview.local import serving
from tests.preview.player import TCP, connected
from tests.preview.process import ROOT, previewing

PHONE, WALL = "lk-phone/" + "a" * 30, "of the wall: ü".encode().hex()
KEYS = Keys([Key(PHONE, "phone"), Key(WALL, "wall")])


def url(port: int) -> str:
    return f"rtsp://127.0.0.1:{port}/out"


@pytest.mark.parametrize("user", ["", "any", "lookout"])
@pytest.mark.parametrize("key", [PHONE, WALL])
def test_any_key_is_the_password_of_any_user(user: str, key: str) -> None:
    asked = digest.challenge("nonce")
    given = authorization(asked, "PLAY", "rtsp://h/out", (user, key))
    assert digest.knows_key(given, "PLAY", KEYS, "nonce")
    assert not digest.knows_key(given, "TEARDOWN", KEYS, "nonce")
    assert not digest.knows_key(given, "PLAY", KEYS, "another")
    wrong = authorization(asked, "PLAY", "rtsp://h/out", (user, key + "x"))
    assert not digest.knows_key(wrong, "PLAY", KEYS, "nonce")


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !", "Basic " + base64.b64encode(b"any").decode(), "Digest", "Bearer x"],
)
def test_nothing_else_is_a_key(header: str) -> None:
    assert not digest.knows_key(header, "PLAY", KEYS, "nonce")


def test_a_key_is_asked_for_and_taken_as_digest_or_basic(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            serving(redis_url, tmp_path, keys=KEYS) as (server, _),
            connected(url(server.port)) as player,
        ):
            assert await player.status("OPTIONS") == 200
            for method in ("DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN"):
                assert await player.status(method, Transport=TCP) == 401
            asked = (await player.ask("DESCRIBE")).headers["www-authenticate"]
            for login in (("any", PHONE), ("me", WALL)):
                for kind in (asked, "Basic"):
                    right = authorization(kind, "DESCRIBE", player.url, login)
                    assert await player.status("DESCRIBE", Authorization=right) == 200
            wrong = authorization("Basic", "DESCRIBE", player.url, ("any", "wrong"))
            assert status_of(await player.ask("DESCRIBE", Authorization=wrong)) == 401

    run(scenario())


def test_beyond_this_machine_it_does_not_start_without_a_key(
    redis_url: str, tmp_path: Path
) -> None:
    def started(**env: str) -> "subprocess.CompletedProcess[str]":
        places = {"REDIS_URL": redis_url, "LOOKOUT_RUN_DIR": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "preview"],
            env={**os.environ, **places, "LOOKOUT_PREVIEW_HOST": "0.0.0.0", **env},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    none = started()
    assert none.returncode == 2
    assert "LOOKOUT_API_KEYS" in none.stderr.splitlines()[-1]
    short = started(LOOKOUT_API_KEYS="tooshort")
    assert short.returncode == 2
    assert "tooshort" not in short.stderr


def test_a_login_of_its_own_is_enough(redis_url: str, tmp_path: Path) -> None:
    login = {"PREVIEW_USER": "ann", "PREVIEW_PASSWORD": "s3cret", "PREVIEW_HOST": "0.0.0.0"}
    with previewing(redis_url, tmp_path, **login) as preview:
        assert preview.process.poll() is None
