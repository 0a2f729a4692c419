"""Whether the client is still there."""

from starlette.types import Receive


async def gone(receive: Receive) -> None:
    """Return when the client has gone. The body of the request must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
