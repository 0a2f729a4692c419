"""
Fetches a model for OpenVINO from the hub, in a process of its own.

    python -m inference.ov.fetch OpenVINO/InternVL2-1B-int4-ov main

It tells what it does on stdout, the last thing being how it ended. Killed at any moment, it
is continued by the next one.
"""

import os
import sys
from contextlib import closing
from time import monotonic

from bus.errors import EngineError, LookoutError
from bus.messages import Failed
from inference.hub.cache import Cached, root
from inference.hub.client import Client
from inference.hub.download import Download, alone
from inference.hub.name import HubModel
from inference.hub.wire import Begun, Fetched, Progress, Said, Waiting, encode
from inference.ov.export import needed

TELL_EVERY_S = 0.2


def say(said: Said) -> None:
    sys.stdout.buffer.write(encode(said))
    sys.stdout.buffer.flush()


class Teller:
    """Tells of progress, now and then."""

    def __init__(self) -> None:
        self._told = 0.0

    def tell(self, present: int) -> None:
        if monotonic() - self._told > TELL_EVERY_S:
            self._told = monotonic()
            say(Progress(present))


def fetch(model: HubModel) -> Said:
    cached = Cached(root(os.environ), model)
    try:
        with alone(cached, lambda: say(Waiting())), closing(Client(os.environ, model)) as client:
            if whole := cached.whole():  # another process has just fetched it
                return Fetched(str(whole))
            listing = client.listing(lambda files: needed(model, files))
            present = cached.present(listing)
            say(Begun(listing.commit, len(listing.entries), listing.size, present))
            return Fetched(str(Download(client, cached, listing, Teller().tell).run()))
    except LookoutError as error:
        return Failed.of(error)
    except OSError as error:
        advice = "name a folder for models with HF_HOME"
        return Failed.of(EngineError(f"cannot keep models in {cached.root}: {error}; {advice}"))


if __name__ == "__main__":
    say(fetch(HubModel(*sys.argv[1:])))
