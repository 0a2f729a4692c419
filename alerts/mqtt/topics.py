"""
What is kept at a broker of each rule on each camera, and how Home Assistant learns of it. Pure.

A payload that is empty takes away what was kept.
"""

from typing import Any

import msgspec

from alerts.mqtt.address import Address
from bus.alerts import Standing

Payloads = dict[str, bytes]  # by topic

ON, OFF = b"ON", b"OFF"
ONLINE, OFFLINE = b"online", b"offline"
SEEN = "availability"  # the topic that is there for each rule and camera
STATES = ("state", "score", "attributes", SEEN, "snapshot")
ENTITIES = ("binary_sensor", "sensor", "image")


def snapshot_topic(address: Address, rule: str, camera: str) -> str:
    return _topic(address, rule, camera, "snapshot")


def everywhere(address: Address) -> str:
    """All topics that say whether a rule is judged on a camera, to subscribe to."""
    return _topic(address, "+", "+", SEEN)


def place_of(address: Address, topic: str) -> tuple[str, str]:
    """The rule and the camera of such a topic."""
    camera, rule, _ = topic.removeprefix(f"{address.prefix}/").split("/")
    return rule, camera


def states(address: Address, standing: Standing) -> Payloads:
    """How a rule stands; a rule that is not judged now is unavailable rather than off."""
    score = b"" if standing.score is None else f"{standing.score:.2f}".encode()
    values = {
        "state": ON if standing.phase == "firing" else OFF,
        "score": score,
        "attributes": _attributes(standing),
        SEEN: OFFLINE if standing.error else ONLINE,
    }
    return {_topic(address, standing.rule, standing.camera, name): values[name] for name in values}


def discovery(address: Address, standing: Standing, camera_name: str) -> Payloads:
    """What Home Assistant is to know, once for each of the three things that it shows."""
    if not address.discovery:
        return {}
    rule, camera = standing.rule, standing.camera

    def at(name: str) -> str:
        return _topic(address, rule, camera, name)

    name = standing.name or standing.question
    about: dict[str, dict[str, Any]] = {
        "binary_sensor": {"name": name, "state_topic": at("state")},
        "sensor": {
            "name": f"{name} score",
            "state_topic": at("score"),
            "unit_of_measurement": "%",
            "value_template": "{{ (value | float * 100) | round }}",
            "state_class": "measurement",
        },
        "image": {
            "name": f"{name} snapshot",
            "image_topic": at("snapshot"),
            "content_type": "image/jpeg",
        },
    }
    about["binary_sensor"]["json_attributes_topic"] = at("attributes")
    shared = _shared(address, rule, camera, camera_name)
    return {
        _config(address, kind, rule, camera): msgspec.json.encode(
            {**shared, **about[kind], "unique_id": f"{_id(address, rule, camera)}_{kind}"}
        )
        for kind in ENTITIES
    }


def nothing(address: Address, rule: str, camera: str) -> Payloads:
    """Takes away all that was kept of a rule on a camera."""
    topics = [_topic(address, rule, camera, name) for name in STATES]
    if address.discovery:
        topics = [*(_config(address, kind, rule, camera) for kind in ENTITIES), *topics]
    return dict.fromkeys(topics, b"")


def _shared(address: Address, rule: str, camera: str, camera_name: str) -> dict[str, Any]:
    available = [address.status, _topic(address, rule, camera, SEEN)]
    device = {
        "identifiers": [f"{_installation(address)}_{camera}"],
        "name": camera_name or camera,
        "manufacturer": "Lookout",
    }
    return {
        "availability": [{"topic": topic} for topic in available],
        "availability_mode": "all",
        "device": device,
        "qos": 1,
    }


def _attributes(standing: Standing) -> bytes:
    """Nothing that changes with each frame."""
    fields = ("question", "phase", "alert", "by", "error")
    return msgspec.json.encode({name: getattr(standing, name) for name in fields})


def _topic(address: Address, rule: str, camera: str, name: str) -> str:
    return f"{address.prefix}/{camera}/{rule}/{name}"


def _config(address: Address, kind: str, rule: str, camera: str) -> str:
    return f"{address.discovery}/{kind}/{_id(address, rule, camera)}/config"


def _id(address: Address, rule: str, camera: str) -> str:
    # Ids have no dots, so two of them never run together into the same one.
    return f"{_installation(address)}_{camera}__{rule}"


def _installation(address: Address) -> str:
    return "".join(one if one.isascii() and one.isalnum() else "_" for one in address.prefix)
