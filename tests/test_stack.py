"""The stack as a whole: what dies comes back, what was accepted is answered, nothing stays."""

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import av
import httpx
import pytest

from bus.frames import socket_dir
from compose.ports import free_port
from tests.stack import Stack, command_line, descendants, running
from tests.waiting import until

T = TypeVar("T")

SLOW = "echo:?delay_ms=3000&slots=16"


def chat(stack: Stack, text: str = "hello", **more: object) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": text}], **more}
    return httpx.post(f"{stack.url}/v1/chat/completions", json=body, timeout=60, trust_env=False)


def look(stack: Stack, camera: str = "demo") -> dict[str, Any]:
    """The frame that an answer about *camera* used."""
    content = [{"type": "image_url", "image_url": {"url": camera}}]
    answer = chat(stack, content)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    frame: dict[str, Any] = answer.json()["lookout"]["frames"][0]
    return frame


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])


def busy(stack: Stack) -> int:
    workers = httpx.get(f"{stack.url}/health/ready", trust_env=False).json()["workers"]
    return sum(worker["busy"] for worker in workers)


def answers(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.url}/health/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def slow_stack(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(tmp_path_factory.mktemp("slow"), "--model", SLOW) as stack:
        yield stack


def ask_many(pool: ThreadPoolExecutor, stack: Stack) -> list[Future[httpx.Response]]:
    asked = [pool.submit(chat, stack, f"number {n}") for n in range(8)]
    until(lambda: busy(stack) == 8)
    return asked


@pytest.mark.parametrize("victim", ["inference", "valkey-server", "capture"])
def test_a_killed_process_costs_no_answer(slow_stack: Stack, victim: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = ask_many(pool, slow_stack)
        killed = slow_stack.kill(victim)
        for number, answer in enumerate(asked):
            assert text_of(answer.result()) == f"number {number}"
    until(lambda: slow_stack.pids(victim) not in ([], [killed]))
    assert text_of(chat(slow_stack)) == "hello"


def test_a_killed_worker_breaks_a_stream_with_an_error_event(tmp_path: Path) -> None:
    with running(tmp_path, "--model", "echo:?tokens_per_s=5") as stack:
        body = {"stream": True, "messages": [{"role": "user", "content": "a b c d e f g h"}]}
        url = f"{stack.url}/v1/chat/completions"
        with httpx.stream("POST", url, json=body, timeout=60, trust_env=False) as answer:
            lines = (line for line in answer.iter_lines() if line)
            assert "assistant" in next(lines)
            assert '"content":"a"' in next(lines)
            stack.kill("inference")
            rest = list(lines)
        assert '"error"' in rest[-1]
        assert "[DONE]" not in "".join(rest)


def test_a_killed_api_comes_back(slow_stack: Stack) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = ask_many(pool, slow_stack)
        slow_stack.kill("api")
        for answer in asked:  # their connections died with it
            assert isinstance(answer.exception(), httpx.TransportError)
    until(lambda: answers(slow_stack))
    until(lambda: busy(slow_stack) == 0)
    assert text_of(chat(slow_stack)) == "hello"


def test_a_killed_capture_gives_fresh_frames_again(slow_stack: Stack) -> None:
    before = look(slow_stack)
    slow_stack.kill("capture")
    after = look(slow_stack)  # asked at once: it waits for the new one
    assert after["captured_at"] > before["captured_at"]
    assert after["age_ms"] < 1000


def test_a_client_that_leaves_frees_its_slot(tmp_path: Path) -> None:
    with running(tmp_path, "--model", "echo:?tokens_per_s=0.02") as stack:
        for stream in ("false", "true"):
            body = f'{{"stream":{stream},"messages":[{{"role":"user","content":"a b"}}]}}'
            head = "POST /v1/chat/completions HTTP/1.1\r\nhost: here\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            with socket.create_connection(stack.address) as client:
                client.sendall((head + body).encode())
                until(lambda: busy(stack) == 1)
            until(lambda: busy(stack) == 0)


def test_while_the_model_loads_it_is_503_with_a_time_to_come_back(tmp_path: Path) -> None:
    command = [part for part in up_command(tmp_path) if part not in ("--model", "echo:")]
    url = f"http://127.0.0.1:{command[command.index('--port') + 1]}"
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        stack = Stack(url, tmp_path, process)  # type: ignore[arg-type]
        refused = until(lambda: said if (said := try_to_ask(stack)) else None)
        while refused and refused.status_code != 200:
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] in ("model_loading", "unavailable")
            assert int(refused.headers["retry-after"]) >= 1
            refused = try_to_ask(stack)
        process.terminate()
    assert refused


def try_to_ask(stack: Stack) -> httpx.Response | None:
    try:
        return chat(stack)
    except httpx.ConnectError:
        return None


def test_a_full_lane_is_429_with_a_time_to_come_back(tmp_path: Path) -> None:
    model = "echo:?delay_ms=500&slots=1"

    def ask_four() -> dict[int, httpx.Response] | None:
        answers = {answer.status_code: answer for answer in pool.map(chat, 4 * [stack])}
        return answers if 429 in answers else None

    with (
        running(tmp_path, "--model", model, LOOKOUT_MAX_QUEUE="2") as stack,
        ThreadPoolExecutor(4) as pool,
    ):
        answers = until(ask_four)
        assert answers is not None
        assert answers[429].json()["error"]["code"] == "overloaded"
        assert int(answers[429].headers["retry-after"]) >= 1
        assert text_of(answers[200]) == "hello"
        assert len(answers) == 2, "every request is answered or told to come back"


def test_the_deadline_is_504(tmp_path: Path) -> None:
    model = "echo:?delay_ms=60000"
    with running(tmp_path, "--model", model, LOOKOUT_REQUEST_TIMEOUT_S="0.5") as stack:
        answer = chat(stack)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
        until(lambda: busy(stack) == 0)


def test_a_redis_that_hangs_costs_no_more_than_the_deadline(tmp_path: Path) -> None:
    with running(tmp_path, "--model", "echo:", LOOKOUT_REQUEST_TIMEOUT_S="1") as stack:
        (valkey,) = stack.pids("valkey-server")
        os.kill(valkey, signal.SIGSTOP)
        try:
            assert chat(stack).json()["error"]["code"] == "deadline_exceeded"
        finally:
            os.kill(valkey, signal.SIGCONT)
        until(lambda: chat(stack).status_code == 200)


def test_what_runs_is_finished_on_sigterm(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, running(tmp_path, "--model", SLOW) as stack:
        answer = pool.submit(chat, stack)
        until(lambda: busy(stack) == 1)
        stack.process.terminate()
        assert text_of(answer.result()) == "hello"
        assert stack.process.wait(10) == 0


def test_a_killed_stack_leaves_no_process_and_starts_again(tmp_path: Path) -> None:
    command = up_command(tmp_path)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout
        assert first.stdout.readline().startswith("ready")
        family = descendants(first.pid)
        first.kill()
    assert len(family) >= 4
    until(lambda: not any(map(command_line, family)), 12.0)
    with running(tmp_path, "--model", "echo:") as stack:
        assert text_of(chat(stack)) == "hello"


def up_command(folder: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "lookout", "up", "--port", str(free_port()), "--model", "echo:"),
        *("--data-dir", str(folder / "data"), "--run-dir", str(folder / "run"), *more),
    ]


@pytest.mark.parametrize(
    ("more", "env", "reason"),
    [
        (["--model", "nonsense:"], {}, "does not begin with an engine"),
        (["--model", "echo:?slots=many"], {}, "slots"),
        (["--model", "openvino:/nowhere"], {}, "/nowhere"),
        (["--camera", "front"], {}, "front: write id=url"),
        (["--camera", "a b=demo:"], {}, "LOOKOUT_CAMERAS"),
        ([], {"LOOKOUT_PORT": "many"}, "LOOKOUT_PORT"),
        ([], {"LOOKOUT_MAX_QUEUE": "many"}, "LOOKOUT_MAX_QUEUE"),
        ([], {"REDIS_URL": "nonsense"}, "REDIS_URL"),
        ([], {"LOOKOUT_LOG_LEVEL": "LOUD"}, "LOOKOUT_LOG_LEVEL"),
    ],
)
def test_a_bad_setting_is_one_clear_line_and_status_2(
    tmp_path: Path, more: list[str], env: dict[str, str], reason: str
) -> None:
    command = [part for part in up_command(tmp_path, *more)]
    if "LOOKOUT_PORT" in env:
        at = command.index("--port")
        del command[at : at + 2]
    result = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, timeout=30, check=False
    )
    assert result.returncode == 2
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_said_to_be_so(tmp_path: Path) -> None:
    command = up_command(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(command[command.index("--port") + 1])))
        other.listen()
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 2
    assert "cannot listen" in result.stderr


@pytest.mark.parametrize("shared", ["--data-dir", "--run-dir"])
def test_two_stacks_do_not_share_a_directory(
    slow_stack: Stack, tmp_path: Path, shared: str
) -> None:
    command = up_command(tmp_path)
    command[command.index(shared) + 1] = str(slow_stack.folder / shared.strip("-")[:-4])
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 2
    assert "another stack" in result.stderr
    assert text_of(chat(slow_stack)) == "hello"


def test_a_stack_that_was_stopped_leaves_no_file_in_memory(tmp_path: Path) -> None:
    with running(tmp_path, "--model", "echo:") as stack:
        look(stack)
        stack.kill("capture")
        sockets = socket_dir(str(tmp_path / "run"))
        assert list(sockets.glob("*.sock"))
        assert list((tmp_path / "run").glob("*.ring"))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["lock"]
    assert not sockets.exists() or sockets == tmp_path / "run"


def test_an_interrupt_while_starting_stops_at_once(tmp_path: Path) -> None:
    with subprocess.Popen(up_command(tmp_path), stdout=subprocess.PIPE) as process:
        until(lambda: descendants(process.pid))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_a_slow_client_delays_nobody(slow_stack: Stack) -> None:
    with socket.create_connection(slow_stack.address) as dawdler:
        dawdler.sendall(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 1000\r\n\r\n{")
        assert text_of(chat(slow_stack)) == "hello"


def test_players_see_the_preview_as_soon_as_the_stack_is_ready(tmp_path: Path) -> None:
    port = free_port()
    with (
        running(tmp_path, "--model", "echo:", "--preview-port", str(port)) as stack,
        av.open(f"rtsp://127.0.0.1:{port}/demo", options={"rtsp_transport": "tcp"}) as video,
    ):
        frame = next(video.decode(video=0))
        assert (frame.width, frame.height) == (1280, 720)
        assert text_of(chat(stack)) == "hello"


def test_a_stack_does_without_its_preview_where_the_usual_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as other:
        with suppress(OSError):  # then somebody else has it, which is as good
            other.bind(("127.0.0.1", 5011))
            other.listen()
        command = up_command(tmp_path)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline().startswith("ready")
            process.terminate()
            assert process.wait(10) == 0


def test_two_stacks_that_start_at_once_do_not_fight_for_the_usual_port(tmp_path: Path) -> None:
    commands = [up_command(tmp_path / name) for name in ("one", "other")]
    with ExitStack() as stack:
        running = [
            stack.enter_context(subprocess.Popen(one, stdout=subprocess.PIPE, text=True))
            for one in commands
        ]
        for process in running:
            assert process.stdout
            assert process.stdout.readline().startswith("ready")
        for process in running:
            process.terminate()
            assert process.wait(10) == 0


def test_a_settings_file_is_read_by_every_process(tmp_path: Path) -> None:
    file = tmp_path / "lookout.toml"
    file.write_text('default_model = "parrot"\n[cameras.shed]\nurl = "demo:?size=64x48"\n')
    with running(tmp_path, "--model", "echo:?id=parrot", "--settings", str(file)) as stack:
        listed = httpx.get(f"{stack.url}/v1/cameras", trust_env=False).json()["data"]
        assert [camera["id"] for camera in listed] == ["shed"]
        assert text_of(chat(stack)) == "hello"
    file.write_text("defualt_model = 'parrot'")
    command = [*up_command(tmp_path), "--settings", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 2
    assert "do you mean default_model?" in result.stderr
