"""The page of settings names every setting there is, with its default."""

import re
from pathlib import Path

import msgspec

from api.settings import ApiSettings
from bus.settings import BusSettings, variable
from capture.settings import CaptureSettings
from compose.settings import LocalSettings
from inference.engines.echo import EchoQuery
from inference.ov.settings import Query
from inference.settings import InferenceSettings

KINDS = (BusSettings, LocalSettings, ApiSettings, CaptureSettings, InferenceSettings)
PAGE = (Path(__file__).parents[1] / "docs" / "settings.md").read_text()
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", PAGE, re.MULTILINE))


def fields() -> dict[str, object]:
    return {
        variable(field.name): field.default
        for kind in KINDS
        for field in msgspec.structs.fields(kind)
    }


def test_every_setting_is_on_the_page_and_no_other() -> None:
    assert set(ROWS) == set(fields())


def test_the_defaults_on_the_page_are_true() -> None:
    told_in_words = ("REDIS_URL", "LOOKOUT_MODEL")
    for name, default in fields().items():
        if isinstance(default, int | float | str) and default and name not in told_in_words:
            text = f"{default:g}" if isinstance(default, float) else str(default)
            assert f"`{text}`" in ROWS[name], name


def test_every_part_of_an_engine_url_is_on_the_page() -> None:
    for kind in (EchoQuery, Query):
        for field in msgspec.structs.fields(kind):
            assert f"`{field.name}`" in PAGE
