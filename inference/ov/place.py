"""Where the model of an `openvino:` URL lies: in a folder here, or on the hub, whence it comes."""

import logging
import os
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from bus.errors import BadSettings, EngineError
from inference.hub.cache import Cached, is_offline, root, said
from inference.hub.fetching import fetched
from inference.hub.name import HubModel, parse_name
from inference.ov.export import looks_whole
from inference.ov.settings import Query, parse, parse_query

log = logging.getLogger(__name__)

FETCH = "inference.ov.fetch"


def name(url: str) -> str:
    """What the model is called here; known before it is."""
    if model := on_hub(url):
        return parse_query(url).id or model.name
    return parse(url).model


def on_hub(url: str) -> HubModel | None:
    """The hub's model that *url* names; None if it names a folder."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or Path(path).exists():
        return None
    return parse_name(path)


async def on_disk(url: str) -> str:
    """
    *url* with the folder of its model, which is fetched from the hub if it is not here.

    What is here already is taken as it is: nobody is asked.
    """
    if not (model := on_hub(url)):
        return url
    query, cached = parse_query(url), Cached(root(os.environ), model)
    folder = cached.whole() or await _missing(cached, query)
    named = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) | {"id": name(url)}
    return f"openvino:{quote(str(folder.absolute()))}?{urlencode(named)}"


async def _missing(cached: Cached, query: Query) -> Path:
    """The folder of a model of which it is not known that it is whole."""
    if not query.may_download:
        return _unchecked(cached, BadSettings(f"download={query.download} forbids to fetch it"))
    if is_offline(os.environ):
        return _unchecked(cached, BadSettings("HF_HUB_OFFLINE forbids to fetch it"))
    try:
        return await fetched(FETCH, cached)
    except EngineError as error:
        return _unchecked(cached, error)


def _unchecked(cached: Cached, error: BadSettings | EngineError) -> Path:
    """What another tool has brought, if it may be the whole model; else raise *error*."""
    folder = cached.snapshot()
    if folder and not cached.listing() and looks_whole(folder):
        log.warning("model not checked name=%s folder=%s: %s", cached.model, folder, error)
        return folder
    raise type(error)(f"{cached.model} is not here, and {error}; {said(cached)}") from error
