"""Opening a camera from here, and what can be said of it after a few seconds."""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from bus.errors import CameraError
from bus.jpeg import encode_jpeg
from bus.settings import read
from capture.settings import CaptureSettings
from capture.source import Pixels, Source, open_source


def probe(url: str, seconds: float, save: str | None) -> Iterator[str]:
    """What *url* gives within *seconds*, line by line; raise `CameraError` with the reason."""
    settings, began = read(CaptureSettings), monotonic()
    with open_source(url, settings.terms()) as source:
        yield f"opened in {monotonic() - began:.1f} s: {source.codec}"
        yield from _watch(source, began, seconds, save)


def _watch(source: Source, began: float, seconds: float, save: str | None) -> Iterator[str]:
    first: Pixels | None = None
    count, lost, since = 0, 0, monotonic()
    for shot in source.frames(lambda: True):
        count, lost = count + 1, lost + shot.lost
        if first is None and shot.pixels:
            first, count, since = shot.pixels(), 0, monotonic()
            height, width, _ = first.shape
            yield f"first picture after {since - began:.1f} s: {width}x{height}"
            if save:
                Path(save).write_bytes(encode_jpeg(first))
                yield f"saved as {save}"
        if first is not None and monotonic() - since >= seconds:
            break
    if first is None:
        raise CameraError("it gave no picture")
    took_s = max(0.001, monotonic() - since)
    yield f"{count / took_s:.1f} frames/s over {took_s:.1f} s, {lost} damaged or too fast for here"
    yield "it works; add it with: lookout cameras add ID URL"
