"""What the owner of the alerts decides: where they go, and how long they are kept."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from alerts.targets import Targets, parse_targets
from alerts.way import Target, Terms
from bus.errors import BadJob, BadSettings
from bus.rule_parsing import parse_rule
from bus.rules import Rule
from bus.settings import BusSettings

Days = Annotated[float, Meta(gt=0, le=3650)]


class AlertsSettings(BusSettings, frozen=True, kw_only=True):
    targets: Targets = ()
    rules: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)  # of the file
    default_model: str = ""  # for rules that name none; empty: the first one served
    alert_keep_days: Days = 30.0
    snapshot_keep_days: Days = 7.0
    base_url: str = ""  # where people reach the api, for links in messages
    delivery_keep_h: Annotated[float, Meta(gt=0, le=720)] = 24.0  # then an event is dropped
    mqtt_ca: str = ""  # file with the certificate of the broker's authority, for mqtts://

    def __post_init__(self) -> None:
        names = [target.name for target in self.target_list()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise BadSettings(f"LOOKOUT_TARGETS: {min(twice)} is there twice")
        self.rule_list()
        if self.base_url and not _is_base(self.base_url):
            raise BadSettings("LOOKOUT_BASE_URL: write http://host or https://host")
        if self.mqtt_ca and not Path(self.mqtt_ca).is_file():
            raise BadSettings("LOOKOUT_MQTT_CA: there is no such file")

    def target_list(self) -> tuple[Target, ...]:
        return parse_targets(self.targets)

    def rule_list(self) -> tuple[Rule, ...]:
        return tuple(_rule(name, fields) for name, fields in self.rules.items())

    def terms(self) -> Terms:
        return Terms(self.base_url.rstrip("/"), self.mqtt_ca)


def _rule(name: str, fields: dict[str, Any]) -> Rule:
    try:
        if not name:
            raise BadJob("a rule needs an id")
        return parse_rule({**fields, "id": name})
    except BadJob as error:
        raise BadSettings(f"LOOKOUT_SETTINGS: rules.{name}: {error}") from error


def _is_base(url: str) -> bool:
    parts = urlsplit(url)
    is_http = parts.scheme in ("http", "https") and bool(parts.hostname)
    return is_http and not (parts.query or parts.fragment)
