"""Cameras in a question: by id, by URL, several, several frames; and those that cannot be had."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from io import BytesIO
from pathlib import Path
from time import monotonic, time
from typing import Any

import httpx
import pytest
from PIL import Image, ImageStat

from compose.ports import free_port
from tests.api.asking import (
    BLUE,
    GREEN,
    RED,
    Colour,
    ask,
    file_of,
    image,
    is_near,
    look,
    refused,
    seen,
    solid,
)
from tests.api.conftest import Tight

PARAM = "messages[0].content[0].image_url"


def frames_of(answer: httpx.Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["lookout"]["frames"]
    return found


def camera_of(folder: Path, name: str, colour: Colour) -> str:
    """The URL of a camera that shows one colour."""
    file = folder / f"{name}.png"
    file.write_bytes(file_of(solid(colour, 320, 240)))
    return f"file://{file}"


@pytest.mark.parametrize(
    "url", ["demo", "camera://demo", "CAMERA://demo", "camera://demo/", "demo:", " demo "]
)
def test_a_camera_is_named_by_its_id_or_its_url(lookout: httpx.Client, url: str) -> None:
    answer = ask(lookout, image(url))
    (picture,) = seen(answer)
    assert (picture.width, picture.height) == (1280, 720)
    assert 40 < sum(picture.colour) / 3 < 220
    (frame,) = frames_of(answer)
    assert (frame["camera"], frame["width"], frame["height"]) == ("demo", 1280, 720)


def test_an_answer_is_about_a_fresh_frame_and_says_which(lookout: httpx.Client) -> None:
    first, second = (frames_of(ask(lookout, image("demo")))[0] for _ in range(2))
    assert first["seq"] >= 1
    assert second["seq"] >= first["seq"]
    assert 0 <= first["age_ms"] < 1500
    age_s = time() - datetime.fromisoformat(first["captured_at"]).timestamp()
    assert -0.1 < age_s < 5


def test_a_stream_says_it_too(lookout: httpx.Client) -> None:
    answer = ask(lookout, image("demo"), stream=True)
    *_, last, _, _ = answer.text.split("\n\n")
    (frame,) = json.loads(last.removeprefix("data: "))["lookout"]["frames"]
    assert frame["camera"] == "demo"


@pytest.mark.parametrize("url", ["demo", "camera://demo", "demo:"])
def test_several_frames_come_oldest_first_over_the_span(lookout: httpx.Client, url: str) -> None:
    answer = ask(lookout, image(f"{url}?frames=3&span=300ms"))
    assert len(seen(answer)) == 3
    frames = frames_of(answer)
    assert [frame["camera"] for frame in frames] == ["demo"] * 3
    numbers = [frame["seq"] for frame in frames]
    assert numbers == sorted(set(numbers))
    times = [datetime.fromisoformat(frame["captured_at"]).timestamp() for frame in frames]
    assert 0.15 < times[-1] - times[0] < 1.5
    assert frames[-1]["age_ms"] < 1500


@pytest.mark.parametrize(
    "query",
    [
        *("frames=0", "frames=9", "frames=-1", "frames=", "frames=two", "frames=1.5", "frames=٣"),
        *("frames=" + "9" * 5000, "frames=2&span=11s", "span=-1s", "span=1h", "span=", "span=s"),
        *("span=" + "9" * 5000, "frames=2&span=1e3"),
    ],
    ids=lambda query: query[:20],
)
def test_frames_and_span_have_limits(lookout: httpx.Client, query: str) -> None:
    reason = refused(ask(lookout, image(f"demo?{query}")), 400, "bad_request", PARAM)
    assert "use" in reason


def test_two_cameras_in_one_question_keep_their_own_pictures(
    lookout: httpx.Client, echo_stack_media: Path
) -> None:
    red = camera_of(echo_stack_media, "red", RED)
    blue = camera_of(echo_stack_media, "blue", BLUE)
    urls = [red, blue, "demo", red, blue]
    answer = ask(lookout, *map(image, urls))
    pictures = seen(answer)
    expected = [RED, BLUE, None, RED, BLUE]
    for picture, colour in zip(pictures, expected, strict=True):
        assert colour is None or is_near(picture.colour, colour)
    assert pictures[2].width == 1280
    assert len({frame["camera"] for frame in frames_of(answer)}) == 3


def test_many_first_questions_open_a_camera_once(
    lookout: httpx.Client, echo_stack_media: Path
) -> None:
    url = camera_of(echo_stack_media, "once", GREEN)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(lookout, image(url)), range(8)))
    assert all(is_near(picture.colour, GREEN) for a in answers for picture in seen(a))
    cameras = {frame["camera"] for answer in answers for frame in frames_of(answer)}
    assert len(cameras) == 1
    (status,) = [c for c in lookout.get("/v1/cameras").json()["data"] if c["id"] in cameras]
    assert (status["url"], status["attempts"], status["explicit"]) == (url, 1, False)


def test_a_camera_opened_by_url_has_an_id_for_the_next_question(
    lookout: httpx.Client, echo_stack_media: Path
) -> None:
    url = camera_of(echo_stack_media, "named", GREEN)
    (frame,) = frames_of(ask(lookout, image(url)))
    assert is_near(look(lookout, frame["camera"]).colour, GREEN)
    assert lookout.get(f"/v1/cameras/{frame['camera']}").json()["state"] == "live"


def test_cameras_are_listed_with_how_they_are(lookout: httpx.Client) -> None:
    listed = lookout.get("/v1/cameras").json()
    assert listed["object"] == "list"
    (demo,) = [camera for camera in listed["data"] if camera["id"] == "demo"]
    assert demo["object"] == "camera"
    assert (demo["url"], demo["state"], demo["explicit"]) == ("demo:", "live", True)
    assert (demo["width"], demo["height"], demo["error"]) == (1280, 720, None)
    assert time() - datetime.fromisoformat(demo["last_frame_at"]).timestamp() < 10
    assert not {"endpoint", "remote", "instance"} & set(demo)
    one = lookout.get("/v1/cameras/demo").json()
    assert set(one) == set(demo)
    assert lookout.get("/api/v1/cameras/demo").json()["id"] == "demo"


def test_the_newest_frame_is_a_jpeg(lookout: httpx.Client) -> None:
    answer = lookout.get("/v1/cameras/demo/frame.jpg")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["x-frame-seq"]) >= 1
    assert 0 <= int(answer.headers["x-frame-age-ms"]) < 3000
    captured_at = datetime.fromisoformat(answer.headers["x-frame-captured-at"])
    assert time() - captured_at.timestamp() < 10
    with Image.open(BytesIO(answer.content)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (1280, 720))


def test_the_newest_frame_has_the_right_colours(
    lookout: httpx.Client, echo_stack_media: Path
) -> None:
    url = camera_of(echo_stack_media, "frame", RED)
    (frame,) = frames_of(ask(lookout, image(url)))
    answer = lookout.get(f"/v1/cameras/{frame['camera']}/frame.jpg")
    with Image.open(BytesIO(answer.content)) as picture:
        red, green, blue = map(round, ImageStat.Stat(picture).mean)
    assert is_near((red, green, blue), RED, within=4)


def test_the_model_sees_what_the_frame_shows(lookout: httpx.Client) -> None:
    for url in ("demo", "camera://demo", "demo:"):
        with Image.open(BytesIO(lookout.get("/v1/cameras/demo/frame.jpg").content)) as picture:
            red, green, blue = map(round, ImageStat.Stat(picture).mean)
        assert is_near(look(lookout, url).colour, (red, green, blue), within=5)


@pytest.mark.parametrize("camera", ["attic", "..", "a" * 3000, "%00", "a%2Fb", "*", "é"])
def test_a_camera_that_is_not_there_is_not_found(lookout: httpx.Client, camera: str) -> None:
    for path in (f"/v1/cameras/{camera}", f"/v1/cameras/{camera}/frame.jpg"):
        answer = lookout.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] in ("camera_not_found", "not_found")
        assert len(answer.text) < 500
    answer = ask(lookout, image("attic"))
    assert "attic" in refused(answer, 404, "camera_not_found", PARAM)


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://host/cat.jpg", "gopher://host/", "javascript:alert(1)", "about:blank", "x:"),
        *("unix:///run/docker.sock", "concat:/etc/passwd", "://", ":", "//host/cat.jpg", "a:b@c"),
        *("cat.jpg", "/etc/passwd", "\\\\host\\share", "camera://", "camera://a/b", "attic?", "?"),
        *("http://[", "rtsp://[::1", "rtsp://host:99999/", "rtsp://u:p#ss@host:x/", "demo://["),
        "x" * 100_000,
        "x" * 100_000 + ":",
    ],
    ids=lambda url: url[:30],
)
def test_what_is_neither_picture_nor_camera_is_refused(lookout: httpx.Client, url: str) -> None:
    answer = ask(lookout, image(url))
    code = answer.json()["error"]["code"]
    assert code in ("bad_request", "camera_not_found")
    refused(answer, 404 if code == "camera_not_found" else 400, code, PARAM)


def test_a_kind_of_camera_that_nobody_here_opens_is_said_not_to_be_there(
    lookout: httpx.Client,
) -> None:
    assert "rtsp:" in refused(ask(lookout, image("webrtc://host")), 501, "not_implemented", PARAM)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("v4l2:///etc/passwd", "LOOKOUT_DEVICES"),
        ("v4l2:///dev/video0/../../etc/passwd", "LOOKOUT_DEVICES"),
        ("v4l2:///dev/mem", "LOOKOUT_DEVICES"),
        ("pipe:cat /etc/passwd", "settings"),
        ("rtp:///etc/camera.sdp", "LOOKOUT_FILE_ROOTS"),
        ("rtsp:///no-host", "names no host"),
    ],
)
def test_a_request_cannot_name_any_device_command_or_file(
    lookout: httpx.Client, url: str, hint: str
) -> None:
    assert hint in refused(ask(lookout, image(url)), 400, "bad_request", PARAM)
    answer = lookout.post("/v1/cameras", json={"url": url})
    assert hint in refused(answer, 400, "bad_request", "url")


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"])
def test_metadata_addresses_are_no_cameras(lookout: httpx.Client, host: str) -> None:
    reason = refused(ask(lookout, image(f"rtsp://{host}/latest")), 502, "camera_error", PARAM)
    assert "metadata" in reason


def test_files_are_opened_below_the_configured_directories_only(
    lookout: httpx.Client, echo_stack_media: Path
) -> None:
    outside = camera_of(echo_stack_media.parent, "outside", RED)
    (echo_stack_media / "link.png").symlink_to(outside.removeprefix("file://"))
    (echo_stack_media / "circle").symlink_to(echo_stack_media / "circle")
    (echo_stack_media.parent / "media-not").mkdir()
    for url in (
        outside,
        "file:///etc/passwd",
        "file:etc/passwd",
        "file://",
        "file:///",
        f"file://{echo_stack_media}/../outside.png",
        f"file://{echo_stack_media}/%2e%2e/outside.png",
        f"file://{echo_stack_media}/..%2foutside.png",
        f"file://{echo_stack_media}-not/a.png",
        f"file://{echo_stack_media}/link.png",
        f"file://{echo_stack_media}/circle",
        f"file://{echo_stack_media}/a%00.png",
        f"FILE://{outside.removeprefix('file://')}",
    ):
        answer = ask(lookout, image(url))
        assert answer.status_code in (400, 502), url
        assert answer.json()["error"]["code"] in ("bad_request", "camera_error"), url
        assert "[image" not in answer.text
    refused(ask(lookout, image(outside)), 400, "bad_request", PARAM)
    link = ask(lookout, image(f"file://{echo_stack_media}/link.png"))
    refused(link, 400, "bad_request", PARAM)


@pytest.mark.parametrize(
    ("name", "content"),
    [("not-there.mp4", None), ("text.mp4", b"not a video"), ("empty.png", b""), ("", None)],
)
def test_a_file_that_is_no_camera_is_said_to_be_one(
    lookout: httpx.Client, echo_stack_media: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (echo_stack_media / name).write_bytes(content)
    answer = ask(lookout, image(f"file://{echo_stack_media}/{name}"))
    refused(answer, 502, "camera_error", PARAM)


def test_a_camera_that_refuses_is_an_error_without_its_password(tight: Tight) -> None:
    began = monotonic()
    url = f"rtsp://admin:hunter2@127.0.0.1:{free_port()}/stream1"
    reason = refused(ask(tight.http, image(url)), 502, "camera_error", PARAM)
    assert "hunter2" not in reason
    assert monotonic() - began < 5
    assert "hunter2" not in tight.http.get("/v1/cameras").text
    assert "hunter2" not in tight.http.get("/metrics").text
    assert "camera" in tight.logged()
    assert "hunter2" not in tight.logged()


def test_a_camera_that_says_nothing_is_a_timeout_without_its_password(tight: Tight) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"rtsp://admin:hunter3@127.0.0.1:{silent.getsockname()[1]}/stream1"
        began = monotonic()
        reason = refused(ask(tight.http, image(url)), 504, "camera_timeout", PARAM)
        assert 1 < monotonic() - began < 5
    assert "hunter3" not in reason + tight.http.get("/v1/cameras").text + tight.logged()


def test_a_camera_that_cannot_be_had_does_not_hold_up_the_others(tight: Tight) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, ThreadPoolExecutor(1) as pool:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/slow"
        waiting = pool.submit(ask, tight.http, image(url))
        assert look(tight.http, "small").width == 64
        assert not waiting.done()
        refused(waiting.result(), 504, "camera_timeout", PARAM)


def test_of_two_pictures_the_one_at_fault_is_named(lookout: httpx.Client) -> None:
    text = {"type": "text", "text": "and"}
    answer = ask(lookout, image("demo"), text, image("attic"))
    refused(answer, 404, "camera_not_found", "messages[0].content[2].image_url")


def test_a_file_camera_may_be_asked_for_frames_too(tight: Tight) -> None:
    url = camera_of(tight.stack.folder / "media", "still", BLUE)
    pictures = seen(ask(tight.http, image(f"{url}?frames=2&span=0")))
    assert [is_near(picture.colour, BLUE) for picture in pictures] == [True, True]
