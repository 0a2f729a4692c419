"""A request body is counted as it arrives, so a huge one costs no memory."""

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import RequestTooLarge, response


class LimitBody:
    """ASGI middleware: 413 for a body of more than *size_bytes*, announced or not."""

    def __init__(self, app: ASGIApp, size_bytes: int) -> None:
        self._app, self._size_bytes = app, size_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        left = self._size_bytes
        error = RequestTooLarge(f"the request is larger than {self._size_bytes / 2**20:g} MiB")
        if announced.isdigit() and int(announced) > left:
            await response(error)(scope, receive, send)
            return

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise error
            return message

        async def unless_too_large(message: Message) -> None:
            if left >= 0:  # if not, it is what the application made of our error
                await send(message)

        with suppress(RequestTooLarge):
            await self._app(scope, counted, unless_too_large)
        if left < 0:
            await response(error)(scope, receive, send)
