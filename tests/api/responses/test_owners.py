"""A response is for the key that made it; without Redis it is said that it cannot be told."""

import os
import subprocess
import sys
from pathlib import Path

import httpx

from api.responses.store import Kept, Limits, Store
from compose import valkey
from compose.ports import free_port
from tests.api.asking import refused
from tests.api.responses.asking import PATH, ask
from tests.api.test_alone import wait_until_live
from tests.conftest import Run, client, wait_for_redis

KEYS = {"one": "a-key-that-is-long-enough", "two": "another-key-that-is-long"}
RESPONSE = "resp_" + "a" * 32


def test_another_key_finds_nothing_and_without_redis_nobody_does(tmp_path: Path, run: Run) -> None:
    port, url = free_port(), f"unix://{tmp_path}/s"
    settings = {
        "REDIS_URL": url,
        "LOOKOUT_PORT": str(port),
        "LOOKOUT_RUN_DIR": str(tmp_path),
        "LOOKOUT_API_KEYS": " ".join(f"{name}={key}" for name, key in KEYS.items()),
    }
    with (
        subprocess.Popen(valkey.command(tmp_path / "s", tmp_path, 0)) as redis,
        subprocess.Popen([sys.executable, "-m", "api"], env={**os.environ, **settings}) as api,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http,
    ):
        wait_for_redis(url)
        run(keep_one(url))
        wait_until_live(http)
        http.headers["authorization"] = f"Bearer {KEYS['one']}"
        assert http.get(f"{PATH}/{RESPONSE}").json()["id"] == RESPONSE
        http.headers["authorization"] = f"Bearer {KEYS['two']}"
        for answer in (
            http.get(f"{PATH}/{RESPONSE}"),
            http.get(f"{PATH}/{RESPONSE}/input_items"),
            http.delete(f"{PATH}/{RESPONSE}"),
            http.post(f"{PATH}/{RESPONSE}/cancel"),
        ):
            refused(answer, 404, "response_not_found")
        going_on = ask(http, "hi", previous_response_id=RESPONSE)
        refused(going_on, 400, "previous_response_not_found", "previous_response_id")
        http.headers["authorization"] = f"Bearer {KEYS['one']}"
        assert http.get(f"{PATH}/{RESPONSE}").status_code == 200
        redis.kill()
        redis.wait()
        refused(http.get(f"{PATH}/{RESPONSE}"), 503, "unavailable")
        api.kill()


async def keep_one(url: str) -> None:
    async with client(url) as redis:
        store = Store(redis, Limits(60, 10, 2**20))
        assert await store.keep(Kept("one", {"id": RESPONSE, "output": []}, []), [])
