"""The models that `lookout up` serves, each by an inference process of its own."""

import re
from dataclasses import dataclass

from bus.errors import BadSettings
from bus.log import mask
from compose.settings import LocalSettings
from inference.engine import engine_module


@dataclass(frozen=True)
class Served:
    id: str  # as requests name it
    url: str
    process: str  # what its process is called


def served(settings: LocalSettings) -> tuple[Served, ...]:
    """The default one first. Raise `BadSettings` for an engine nobody knows, and for twins."""
    urls: dict[str, str] = {}
    for url in (settings.model, *settings.more_models):
        model = engine_module(url).identify(url)
        if model in urls:
            both = f"{mask(urls[model])} and {mask(url)}"
            raise BadSettings(f"two models are called {model!r}: {both}: rename one with ?id=")
        urls[model] = url
    if len(urls) == 1:
        return tuple(Served(model, url, "inference") for model, url in urls.items())
    return tuple(Served(model, url, _process(model)) for model, url in urls.items())


def _process(model: str) -> str:
    return f"inference-{re.sub(r'[^A-Za-z0-9._-]+', '-', model)[:64]}"
