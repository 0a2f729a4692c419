"""Server-sent events out of bytes that come in any pieces. Pure."""

import msgspec

from bus.errors import EngineError

DONE = b"[DONE]"
MOST_BYTES = 4 << 20  # of one event: a token with its twenty likeliest others has a few thousand


class Events:
    """The data of each event. Comments, names and ids of events are passed over."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._line = bytearray()  # the one that has not ended yet
        self._data = list[bytes]()
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The events that end in *piece*; raise `EngineError` when one has no end."""
        self._line += piece
        if self._size + len(self._line) > self._most_bytes:
            raise EngineError(f"the server sent an event of more than {self._most_bytes} bytes")
        if b"\n" not in piece and b"\r" not in piece:
            return []
        lines = bytes(self._line).splitlines(keepends=True)
        unended = b"" if lines[-1].endswith(b"\n") else lines.pop()  # after a \r may come a \n
        self._line = bytearray(unended)
        return [event for line in lines if (event := self._read(line.rstrip(b"\r\n")))]

    def rest(self) -> list[bytes]:
        """What stands there at the end of the connection, but for a line that was cut off."""
        line = bytes(self._line)
        whole = line.endswith(b"\r") or _is_whole(line)
        self._line.clear()
        lines = [*(line.splitlines() if whole else ()), b""]
        return [event for line in lines if (event := self._read(line))]

    def _read(self, line: bytes) -> bytes | None:
        """The event that ends with *line*, if one does."""
        if not line:
            event = b"\n".join(self._data)
            self._data.clear()
            self._size = 0
            return event or None
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"error":  # so llama-server has told errors
            value = b'{"error":%s}' % value
        if name in (b"data", b"error") and value:
            self._data.append(value)
            self._size += len(value)
        return None


def _is_whole(line: bytes) -> bool:
    """Whether nothing is missing at the end of *line*, which has no end of its own."""
    value = line.partition(b":")[2].strip()
    try:
        return value == DONE or bool(msgspec.json.decode(value))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
