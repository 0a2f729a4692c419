"""Every example runs as it stands against a running stack, and fails where it is refused."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from bus import names
from bus.alerts import CameraEvent, encode
from compose.ports import free_port
from tests.stack import Stack, running
from tests.waiting import until

EXAMPLES = Path(__file__).parents[1] / "examples"
RUNNERS = {".sh": "sh", ".py": sys.executable, ".mjs": "node"}
ALL = sorted(file.name for file in EXAMPLES.iterdir() if file.suffix in RUNNERS)
WATCHING = [name for name in ALL if name.startswith("alerts")]
FILES = [name for name in ALL if name not in WATCHING]
PICTURES = {"stream.py": 4}


def run(name: str, base_url: str) -> subprocess.CompletedProcess[str]:
    runner = RUNNERS[Path(name).suffix]
    if runner == "node" and not shutil.which(runner):
        pytest.skip("node is not installed")
    return subprocess.run(
        [runner, EXAMPLES / name],
        env={**os.environ, "OPENAI_BASE_URL": base_url, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("name", FILES)
def test_an_example_gets_its_answer_about_the_camera(echo_stack: Stack, name: str) -> None:
    ended = run(name, f"{echo_stack.url}/v1")
    assert ended.returncode == 0, ended.stderr
    assert "What" in ended.stdout
    assert ended.stdout.count(": 1280x720 mean RGB") == PICTURES.get(name, 1)
    assert ended.stderr == ""


@pytest.mark.parametrize("name", FILES)
def test_an_example_that_is_refused_fails(echo_stack: Stack, name: str) -> None:
    ended = run(name, f"{echo_stack.url}/v2")
    assert ended.returncode != 0
    assert "Not Found" in ended.stdout + ended.stderr


@pytest.mark.parametrize("name", WATCHING)
def test_an_example_shows_alerts_as_they_come(tmp_path: Path, name: str) -> None:
    runner = RUNNERS[Path(name).suffix]
    for needed in (runner, "redis-cli") if name == "alerts.sh" else (runner,):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not installed")
    port = free_port()
    event = CameraEvent(
        type="camera_down",
        id="camera-1",
        at="2026-11-23T17:20:46.123Z",
        camera="shed",
        name="",
        error="connection refused",
        captured_at=None,
    )
    with running(tmp_path, "--model", "echo:", "--redis-port", str(port)) as stack:
        env = {"OPENAI_BASE_URL": f"{stack.url}/v1", "REDIS_URL": f"redis://127.0.0.1:{port}"}
        command = [runner, str(EXAMPLES / name)]
        with (
            subprocess.Popen(
                command, env={**os.environ, **env}, stdout=subprocess.PIPE, start_new_session=True
            ) as process,
            Redis.from_url(stack.redis_url) as redis,
        ):
            assert process.stdout
            os.set_blocking(process.stdout.fileno(), False)
            heard = b""

            def is_told() -> bool:
                nonlocal heard
                redis.xadd(names.ALERTS_LOG, {"event": encode(event), "targets": "*"})
                redis.publish(names.ALERTS, encode(event))
                heard += process.stdout.read() or b"" if process.stdout else b""
                return b"shed" in heard and b"connection refused" in heard

            try:
                until(is_told, 20)
            finally:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("name", ALL)
def test_an_example_needs_no_settings_where_the_stack_needs_none(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    assert "http://127.0.0.1:9000/v1" in text or "redis://127.0.0.1:6379" in text
