"""The command line as a newcomer meets it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bus.jpeg import encode_jpeg
from compose.ports import free_port
from tests.stack import Stack


def lookout(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lookout", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=Path(__file__).parents[1],
    )


def test_help_teaches_the_first_steps() -> None:
    told = lookout("--help")
    assert told.returncode == 0
    for word in ("lookout up", "lookout ask demo", "doctor", "/v1"):
        assert word in told.stdout


@pytest.mark.parametrize("camera", ["demo", "camera://demo", "demo:?size=320x180"])
def test_ask_prints_the_answer_and_says_which_frame(echo_stack: Stack, camera: str) -> None:
    told = lookout("ask", camera, "What is this?", "--server", echo_stack.url)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("What is this?\n[image 1: ")
    assert "ms old" in told.stderr


def test_ask_takes_a_picture_file(echo_stack: Stack, tmp_path: Path) -> None:
    picture = tmp_path / "grey.jpg"
    picture.write_bytes(encode_jpeg(np.full((40, 60, 3), 99, np.uint8)))
    told = lookout("ask", str(picture), "What?", "--server", echo_stack.url)
    assert told.stdout == "What?\n[image 1: 60x40 mean RGB 99 99 99]\n"


@pytest.mark.parametrize(
    ("camera", "reason"),
    [("nowhere", "there is no camera 'nowhere'"), ("gopher://x", "no kind of picture or camera")],
)
def test_ask_says_why_there_is_no_answer(echo_stack: Stack, camera: str, reason: str) -> None:
    told = lookout("ask", camera, "What?", "--server", echo_stack.url)
    assert told.returncode == 1
    assert reason in told.stderr
    assert "Traceback" not in told.stderr


def test_ask_without_a_stack_says_how_to_start_one() -> None:
    told = lookout("ask", "demo", "What?", LOOKOUT_PORT=str(free_port()))
    assert told.returncode == 1
    assert "lookout up" in told.stderr


def doctor(tmp_path: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    places = {"LOOKOUT_RUN_DIR": str(tmp_path / "run"), "LOOKOUT_DATA_DIR": str(tmp_path / "data")}
    return lookout("doctor", **places, LOOKOUT_PORT=str(free_port()), **env)


def test_doctor_finds_that_everything_works_here(tmp_path: Path) -> None:
    told = doctor(tmp_path, LOOKOUT_CAMERAS="yard=demo:", LOOKOUT_MORE_MODELS="echo:?id=two")
    assert told.returncode == 0, told.stdout
    assert "FAIL" not in told.stdout
    for word in ("embedded", "lookout-demo loads", "two loads", "yard: 1280x720"):
        assert word in told.stdout


def test_doctor_finds_what_does_not_work_and_keeps_secrets(tmp_path: Path) -> None:
    told = doctor(
        tmp_path,
        LOOKOUT_CAMERAS="gate=rtsp://user:secret@127.0.0.1:1/x clip=file:///no/such.mp4",
        LOOKOUT_MODEL="openvino:/no/such/model",
        REDIS_URL=f"redis://:secret@127.0.0.1:{free_port()}",
    )
    assert told.returncode == 1
    failed = [line.split()[1] for line in told.stdout.splitlines() if line.startswith("FAIL")]
    assert failed == ["redis", "model", "camera", "camera"]
    assert "secret" not in told.stdout + told.stderr
    assert "Traceback" not in told.stderr


def test_cameras_are_added_listed_and_removed(echo_stack: Stack) -> None:
    def cameras(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return lookout("cameras", "--server", echo_stack.url, *arguments)

    added = cameras("add", "shed", "demo:?size=320x180&fps=5", "--name", "The shed", "--fps", "2")
    assert added.returncode == 0, added.stderr
    assert "live" in added.stdout
    listed = cameras("list").stdout.splitlines()
    (line,) = [line for line in listed if line.startswith("shed ")]
    assert "320x180" in line
    again = cameras("add", "shed", "demo:")
    assert again.returncode == 1
    assert "there is a camera 'shed' already" in again.stderr
    assert cameras("rm", "shed").returncode == 0
    gone = cameras("rm", "shed")
    assert gone.returncode == 1
    assert "there is no camera 'shed'" in gone.stderr


def test_a_camera_that_cannot_be_reached_is_added_and_its_reason_told(echo_stack: Stack) -> None:
    url = "rtsp://user:secret@127.0.0.1:9/s1"
    added = lookout("cameras", "--server", echo_stack.url, "add", "off", url)
    lookout("cameras", "--server", echo_stack.url, "rm", "off")
    assert added.returncode == 0
    assert "connection refused" in added.stdout
    assert "secret" not in added.stdout + added.stderr


def test_probe_tries_a_camera_without_a_stack(tmp_path: Path) -> None:
    picture = tmp_path / "seen.jpg"
    url = "demo:?size=320x180"
    told = lookout("cameras", "probe", url, "--seconds", "0.5", "--save", str(picture))
    assert told.returncode == 0, told.stderr
    assert "320x180" in told.stdout
    assert picture.read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("rtsp://u:secret@127.0.0.1:9/s1", "connection refused"),
        ("file:///nowhere.mp4", "no such file"),
        ("nonsense", "unknown kind of camera"),
    ],
)
def test_probe_says_in_plain_words_why_a_camera_cannot_be_opened(url: str, reason: str) -> None:
    told = lookout("cameras", "probe", url)
    assert told.returncode == 1
    assert reason in told.stderr
    assert "secret" not in told.stderr
    assert "Traceback" not in told.stderr


def test_without_a_stack_the_cameras_command_says_what_to_do() -> None:
    told = lookout("cameras", "--server", f"http://127.0.0.1:{free_port()}", "list")
    assert told.returncode == 1
    assert "lookout up" in told.stderr
