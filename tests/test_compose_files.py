"""The compose stack and `lookout up` are the same stack; what its files name exists."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml  # type: ignore[import-untyped]

from bus.settings import BusSettings, variable
from compose import container, settings_file
from compose.local import STOP_S
from inference.upstream.endpoint import KEY_ENV

FOLDER = Path(__file__).parents[1] / "compose"
FILES = sorted(FOLDER.glob("*.yaml"))
KNOBS = [*FILES, FOLDER / "scale" / "compose.yaml"]
SETTINGS = {
    variable(field.name)
    for kind in (BusSettings, *settings_file.KINDS)
    for field in msgspec.structs.fields(kind)
} | {KEY_ENV}


def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / name).read_text()))


BASE = read("compose.yaml")["services"]


def test_it_has_the_services_of_the_local_stack() -> None:
    assert set(BASE) == set(STOP_S)
    assert set(container.SERVICES) == set(STOP_S) - {"redis"}
    for name, service in BASE.items():
        assert service["command"] == [name]


def test_a_service_has_as_long_to_stop_as_it_may_take() -> None:
    drain_s = 8.0  # bus.process
    for service in BASE.values():
        assert float(service["stop_grace_period"].removesuffix("s")) >= drain_s


def test_every_setting_in_the_files_exists() -> None:
    texts = [file.read_text() for file in (*KNOBS, FOLDER / ".env.example")]
    named = {name for text in texts for name in re.findall(r"\bLOOKOUT_[A-Z_]+\b", text)}
    of_compose = {"LOOKOUT_IMAGE", "LOOKOUT_ENGINE_IMAGE", "LOOKOUT_VERSION", "LOOKOUT_"}
    assert named - of_compose <= SETTINGS


def test_every_knob_of_the_files_is_in_the_example() -> None:
    example = (FOLDER / ".env.example").read_text()
    knobs = {k for file in KNOBS for k in re.findall(r"\$\{([A-Z_0-9]+)", file.read_text())}
    assert {knob for knob in knobs if not re.search(rf"^#{knob}=", example, re.MULTILINE)} == set()
    told = set(re.findall(r"^#([A-Z_0-9]+)=", example, re.MULTILINE))
    assert told - knobs <= SETTINGS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_override_says_how_it_is_used_and_changes_known_services(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("# ")
    if file.name != "compose.yaml":
        assert f"-f {file.name}" in text
        more = {name for name, service in read(file.name)["services"].items() if name not in BASE}
        assert all("image" in read(file.name)["services"][name] for name in more)
