"""What arrives in an RTSP connection, cut into messages and packets. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from preview.rtsp import HEAD_BYTES, Message, RtspError, body_length, parse_head

END = b"\r\n\r\n"


@dataclass(frozen=True)
class Packet:
    """Binary data between the messages."""

    channel: int
    data: bytes


class Inbox:
    """`feed` it as bytes come, take what is whole; what is too long is an `RtspError`."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def partial(self) -> bool:
        """Whether something has begun and is not whole yet."""
        return bool(self._bytes)

    def feed(self, data: bytes) -> None:
        self._bytes += data

    def take(self) -> Iterator[Message | Packet]:
        while item := self._next():
            yield item

    def _next(self) -> Message | Packet | None:
        blank = len(self._bytes) - len(self._bytes.lstrip(b"\r\n"))
        del self._bytes[:blank]  # some players send empty lines to keep a connection alive
        return self._packet() if self._bytes[:1] == b"$" else self._message()

    def _packet(self) -> Packet | None:
        whole = 4 + int.from_bytes(self._bytes[2:4], "big")
        if len(self._bytes) < max(4, whole):
            return None
        return Packet(self._bytes[1], self._cut(whole)[4:])

    def _message(self) -> Message | None:
        end = self._bytes.find(END, 0, HEAD_BYTES + len(END))
        if end < 0:
            if len(self._bytes) > HEAD_BYTES:
                raise RtspError(400, fatal=True)
            return None
        message = parse_head(bytes(self._bytes[:end]))
        head = end + len(END)
        whole = head + body_length(message)
        if len(self._bytes) < whole:
            return None
        return replace(message, body=self._cut(whole)[head:])

    def _cut(self, size: int) -> bytes:
        piece = bytes(self._bytes[:size])
        del self._bytes[:size]
        return piece
