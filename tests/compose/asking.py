"""What is asked of a stack: one question about its camera, one rule."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import av
import httpx
import openai
from redis import Redis

from tests.compose.stack import port

RULE = {"question": "Is there a person?", "every_s": 0.5, "cooldown_s": 0, "gate": "none"}


def ask(client: openai.OpenAI, question: str = "Is there a person?") -> Any:
    return client.chat.completions.create(
        model="default",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "demo"}},
                    {"type": "text", "text": question},
                ],
            }
        ],
    )


def add_rule(http: httpx.Client, name: str) -> None:
    answer = http.post("/v1/rules", json={**RULE, "id": name, "cameras": ["demo"]})
    assert answer.status_code in (200, 201), answer.text


def previewed(key: str, count: int) -> list[av.VideoFrame]:
    """The next *count* pictures of the preview."""
    url = f"rtsp://lookout:{key}@127.0.0.1:{port('PREVIEW')}/demo"
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
        return list(islice(container.decode(video=0), count))


@contextmanager
def subscribed() -> Iterator[Iterator[dict[str, Any]]]:
    """What `SUBSCRIBE lookout:alerts` brings, from now on."""
    with Redis(port=port("REDIS"), socket_timeout=90) as redis, redis.pubsub() as channel:
        channel.subscribe("lookout:alerts")
        channel.get_message(timeout=10)
        yield (json.loads(m["data"]) for m in channel.listen() if m["type"] == "message")
