"""The demo model watches the demo yard for a fire, while everybody talks to it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import httpx
import numpy as np
import pytest

from bus.jpeg import decode_jpeg
from capture.demo.render import Renderer
from capture.demo.script import scene_at
from capture.demo.story import PERIOD_S
from capture.sources.demo import film_of
from tests.stack import running
from tests.waiting import until

CAMERA = "demo:?speed=3"
FILM = film_of(CAMERA)
BURNS, IS_OUT = 30.0, 37.5  # seconds of the story
CHATS = 50


@pytest.fixture
def server(tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        running(tmp_path, "--camera", f"demo={CAMERA}") as stack,
        httpx.Client(base_url=stack.url, timeout=30, trust_env=False) as client,
    ):
        yield client


def chat(server: httpx.Client) -> float:
    """Ask about the camera; how long it took."""
    began = monotonic()
    content = [
        {"type": "image_url", "image_url": {"url": "demo"}},
        {"type": "text", "text": "Describe the scene."},
    ]
    body = {"messages": [{"role": "user", "content": content}]}
    assert server.post("/v1/chat/completions", json=body).status_code == 200
    return monotonic() - began


def test_a_fire_is_told_at_once_and_once_whatever_is_asked_meanwhile(server: httpx.Client) -> None:
    rule = {"question": "Is there a fire?", "id": "fire", "every_s": 0.3, "cooldown_s": 0}
    assert server.post("/v1/rules", json=rule).status_code == 201

    def state() -> str | None:
        found = server.get("/v1/alerts").json()["data"]
        return found[0]["state"] if found else None

    with ThreadPoolExecutor(2) as pool:
        chats = [pool.submit(chat, server) for _ in range(CHATS)]
        until(lambda: state() == "resolved", 60)
        took = [one.result() for one in chats]
    assert max(took) < 3.0
    assert [rule["id"] for rule in server.get("/v1/rules").json()["data"]] == ["fire"]
    (alert,) = server.get("/v1/alerts").json()["data"]
    fired, resolved = alert["fired"], alert["resolved"]
    seen_s = FILM.scene_s(fired["frame"]["seq"]) % PERIOD_S
    assert BURNS <= seen_s <= BURNS + 2.0 * FILM.speed
    gone_s = FILM.scene_s(resolved["frame"]["seq"]) % PERIOD_S
    assert IS_OUT - 1.5 <= gone_s <= IS_OUT + 3.0 * FILM.speed
    timings = fired["timings_ms"]
    parts = timings["frame_age"] + timings["judge"] + timings["decide"]
    assert parts == pytest.approx(timings["capture_to_event"], abs=0.1)
    shown = decode_jpeg(memoryview(server.get(fired["snapshot"]).content))
    number = fired["frame"]["seq"]
    drawn = Renderer(FILM.width, FILM.height).render(scene_at(FILM.scene_s(number)), number)
    difference = np.abs(shown.astype(int) - drawn).mean()
    assert difference < 4, difference
