"""Cameras that their owner adds, changes and removes; and the ancestor's way to do so."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.asking import BLUE, GREEN, RED, ask, file_of, image, is_near, look, refused, solid
from tests.stack import running
from tests.waiting import until


@pytest.fixture
def red(echo_stack_media: Path) -> str:
    return picture_of(echo_stack_media, "red", RED)


def picture_of(folder: Path, name: str, colour: tuple[int, int, int]) -> str:
    file = folder / f"registry-{name}.png"
    file.write_bytes(file_of(solid(colour, 320, 240)))
    return f"file://{file}"


@pytest.fixture
def registry(lookout: httpx.Client) -> Iterator[httpx.Client]:
    """The server, without the cameras that a test has added and left."""
    before = ids(lookout)
    yield lookout
    for camera in ids(lookout) - before:
        lookout.delete(f"/v1/cameras/{camera}")


def ids(server: httpx.Client) -> set[str]:
    return {camera["id"] for camera in server.get("/v1/cameras").json()["data"]}


def add(server: httpx.Client, **fields: object) -> dict[str, Any]:
    answer = server.post("/v1/cameras", json=fields)
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


def test_a_camera_is_added_seen_changed_and_removed(
    registry: httpx.Client, red: str, echo_stack_media: Path
) -> None:
    added = add(registry, id="gate", url=red, name="The gate", fps=5)
    assert (added["object"], added["id"], added["name"]) == ("camera", "gate", "The gate")
    assert added["explicit"]
    assert is_near(look(registry, "gate").colour, RED)
    blue = picture_of(echo_stack_media, "blue", BLUE)
    changed = registry.patch("/v1/cameras/gate", json={"url": blue})
    assert changed.status_code == 200
    assert changed.json()["name"] == "The gate"
    assert is_near(look(registry, "gate").colour, BLUE)
    gone = registry.delete("/v1/cameras/gate")
    assert gone.json() == {"id": "gate", "object": "camera.deleted", "deleted": True}
    assert registry.get("/v1/cameras/gate").status_code == 404
    assert ask(registry, image("gate")).status_code == 404
    assert registry.delete("/v1/cameras/gate").status_code == 404


def test_no_frame_of_a_replaced_camera_is_ever_used(
    registry: httpx.Client, red: str, echo_stack_media: Path
) -> None:
    blue = picture_of(echo_stack_media, "blue", BLUE)
    add(registry, id="turning", url=red)
    assert is_near(look(registry, "turning").colour, RED)
    for url, colour in [(blue, BLUE), (red, RED)] * 4:
        registry.patch("/v1/cameras/turning", json={"url": url})
        assert is_near(look(registry, "turning").colour, colour)


def test_a_new_name_does_not_interrupt_the_camera(registry: httpx.Client, red: str) -> None:
    add(registry, id="named", url=red)
    look(registry, "named")
    for number in range(10):  # at once, and not when its capture process has read it
        name = f"Yard {number}"
        renamed = registry.patch("/v1/cameras/named", json={"name": name}).json()
        assert renamed["name"] == name
    changed = registry.patch("/v1/cameras/named", json={"name": "Yard"}).json()
    until(lambda: registry.get("/v1/cameras/named").json()["name"] == "Yard")
    after = registry.get("/v1/cameras/named").json()
    assert (changed["state"], after["state"], after["attempts"]) == ("live", "live", 1)


def test_a_camera_need_not_be_reachable_to_be_added(registry: httpx.Client) -> None:
    add(registry, id="later", url="rtsp://user:secret@127.0.0.1:9/s1")

    def is_down() -> bool:
        return bool(registry.get("/v1/cameras/later").json()["state"] == "down")

    until(is_down)
    status = registry.get("/v1/cameras/later")
    assert status.json()["error"] == "connection refused"
    assert status.json()["url"] == "rtsp://***@127.0.0.1:9/s1"
    assert "secret" not in status.text + registry.get("/v1/cameras").text
    assert "secret" not in registry.get("/metrics").text


def test_an_id_is_made_from_the_name(registry: httpx.Client, red: str) -> None:
    first, second = (add(registry, url=red, name="Front door!")["id"] for _ in range(2))
    assert first.startswith("front-door-")
    assert first != second
    assert add(registry, url=red)["id"].startswith("camera-")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": 7}, "url"),
        ({"url": "x" * 3000}, "url"),
        ({"url": "ftp://host/a"}, "url"),
        ({"url": "rtsp://***@10.0.0.5/s1"}, "url"),
        ({"url": "demo:", "id": "a b"}, "id"),
        ({"url": "demo:", "id": "-a"}, "id"),
        ({"url": "demo:", "fps": 0}, "fps"),
        ({"url": "demo:", "fps": "many"}, "fps"),
        ({"url": "demo:", "fps": "5"}, "fps"),
        ({"url": "demo:", "fps": True}, "fps"),
        ({"url": "demo:", "name": "x" * 101}, "name"),
        ({"url": "demo:", "colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_what_cannot_be_a_camera_is_refused_by_field(
    registry: httpx.Client, body: dict[str, object], param: str
) -> None:
    refused(registry.post("/v1/cameras", json=body), 400, "bad_request", param)
    if "id" not in body and body:
        refused(registry.patch("/v1/cameras/demo", json=body), 400, "bad_request", param)


def test_two_cameras_cannot_have_the_same_id(registry: httpx.Client) -> None:
    answer = registry.post("/v1/cameras", json={"id": "demo", "url": "demo:"})
    assert "PATCH" in refused(answer, 409, "camera_exists", None)


def test_added_cameras_are_there_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, "--model", "echo:") as stack:
        added = {"id": "yard", "url": "demo:?size=320x180", "name": "Yard"}
        assert httpx.post(f"{stack.url}/v1/cameras", json=added).status_code == 201
    with (
        running(tmp_path, "--model", "echo:") as stack,
        httpx.Client(base_url=stack.url, timeout=30) as server,
    ):
        assert look(server, "yard").width == 320
        assert server.get("/v1/cameras/yard").json()["name"] == "Yard"


def test_the_ancestors_live_stream_paths_keep_their_bodies(
    registry: httpx.Client, red: str
) -> None:
    for prefix in ("/v1", "/api/v1"):
        body = {"liveStreamUrl": red, "description": "the yard"}
        first = registry.post(f"{prefix}/live-stream", json=body)
        second = registry.post(f"{prefix}/live-stream", json={"liveStreamUrl": "demo:?size=64x48"})
        assert set(first.json()) == set(second.json()) == {"id"}
        listed = registry.get(f"{prefix}/live-stream").json()
        assert {"id": first.json()["id"], **body} in listed
        assert is_near(look(registry, first.json()["id"]).colour, RED)
        assert look(registry, second.json()["id"]).width == 64
        for added in (first, second):
            gone = registry.delete(f"{prefix}/live-stream/{added.json()['id']}")
            assert gone.json() == {"detail": "Stream removed successfully"}
            assert registry.delete(f"{prefix}/live-stream/{added.json()['id']}").status_code == 404


def test_a_live_stream_that_cannot_be_opened_is_refused_and_not_kept(
    registry: httpx.Client,
) -> None:
    before = ids(registry)
    body = {"liveStreamUrl": "rtsp://127.0.0.1:9/s1", "description": "off"}
    refused(registry.post("/v1/live-stream", json=body), 502, "camera_error", None)
    assert ids(registry) == before
    refused(registry.post("/v1/live-stream", json={}), 400, "bad_request", "liveStreamUrl")
    answer = registry.post("/v1/live-stream", json={"liveStreamUrl": "nonsense"})
    refused(answer, 400, "bad_request", "liveStreamUrl")


def stream(**fields: object) -> dict[str, object]:
    return {"type": "stream", "stream": fields}


@pytest.mark.parametrize(
    ("fields", "count", "span_s"),
    [
        ({}, 2, 0.0),
        ({"frames": 1}, 1, 0.0),
        ({"frames": 8}, 8, 0.0),
        ({"frames": 4, "span_s": 1.2}, 4, 1.2),
    ],
)
def test_a_stream_part_is_exactly_so_many_frames_oldest_first_newest_included(
    registry: httpx.Client, fields: dict[str, object], count: int, span_s: float
) -> None:
    answer = ask(registry, stream(stream_id="demo", **fields))
    frames = answer.json()["lookout"]["frames"]
    numbers = [frame["seq"] for frame in frames]
    assert len(frames) == count
    assert numbers == sorted(set(numbers))
    assert frames[-1]["age_ms"] < 1500
    times = [datetime.fromisoformat(frame["captured_at"]).timestamp() for frame in frames]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(gap > span_s / max(1, count - 1) - 0.2 for gap in gaps)
    assert times[-1] - times[0] < span_s + 2


@pytest.mark.parametrize(
    ("part", "status", "param"),
    [
        (stream(stream_id="attic"), 404, "messages[0].content[0].stream"),
        (stream(stream_id="rtsp://10.0.0.5/s1"), 400, "messages[0].content[0].stream"),
        (stream(), 400, "messages[0].content[0].stream.stream_id"),
        (stream(stream_id="demo", frames=9), 400, "messages[0].content[0].stream.frames"),
        (stream(stream_id="demo", span_s=60), 400, "messages[0].content[0].stream.span_s"),
        ({"type": "stream"}, 400, "messages[0].content[0].stream"),
    ],
)
def test_a_stream_part_that_means_nothing_is_refused_by_field(
    lookout: httpx.Client, part: dict[str, object], status: int, param: str
) -> None:
    code = "camera_not_found" if status == 404 else "bad_request"
    refused(ask(lookout, part), status, code, param)


def test_a_registered_camera_is_found_by_its_url_too(
    registry: httpx.Client, tmp_path: Path, echo_stack_media: Path
) -> None:
    url = picture_of(echo_stack_media, "green", GREEN)
    add(registry, id="lawn", url=url)
    (frame,) = ask(registry, image(url)).json()["lookout"]["frames"]
    assert frame["camera"] == "lawn"
