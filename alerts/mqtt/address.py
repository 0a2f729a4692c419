"""Where an MQTT broker is, and under which topics we publish there. Pure."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from bus.errors import BadSettings

DEFAULT_PREFIX = "lookout"
DEFAULT_DISCOVERY = "homeassistant"
NONE = "none"
PORTS = {"mqtt": 1883, "mqtts": 8883}
_TOPIC = re.compile(r"[^\s+#$/\x00]+(/[^\s+#$/\x00]+)*")


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    tls: bool
    prefix: str  # of all topics of one Lookout
    discovery: str  # prefix under which Home Assistant looks for devices; empty: not for it
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def status(self) -> str:
        """Topic that says whether we are there."""
        return f"{self.prefix}/status"

    @property
    def events(self) -> str:
        return f"{self.prefix}/events"


def parse_address(url: str) -> Address:
    """
    `mqtt://user:password@host:1883/prefix?discovery=homeassistant`.

    Raise `BadSettings`, or `ValueError` for a port that is none.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    discovery = query.pop("discovery", DEFAULT_DISCOVERY)
    if query or parts.fragment:
        raise BadSettings("write nothing but discovery= behind the topic")
    prefix = unquote(parts.path).strip("/") or DEFAULT_PREFIX
    for topic in (prefix, discovery or NONE):
        if not _TOPIC.fullmatch(topic):
            raise BadSettings("a topic has no spaces, +, # or $ in it")
    return Address(
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        prefix=prefix,
        discovery="" if discovery in ("", NONE) else discovery,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
