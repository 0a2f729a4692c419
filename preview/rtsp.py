"""
RTSP as text: requests and answers out of bytes and back. Pure.

Every error is an `RtspError`, which is also the answer to whoever caused it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

HEAD_BYTES = 8192  # of a request without its body
BODY_BYTES = 4096
TRACK = "trackID=0"  # no camera can be called so

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    413: "Request Entity Too Large",
    451: "Parameter Not Understood",
    453: "Not Enough Bandwidth",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    457: "Invalid Range",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "RTSP Version Not Supported",
    551: "Option not supported",
}

METHODS = (
    "OPTIONS",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "PAUSE",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "TEARDOWN",
)
PUBLIC = ", ".join(METHODS)


class RtspError(Exception):
    """*status* is the answer; after a *fatal* one nobody knows where the next request begins."""

    def __init__(
        self, status: int, headers: Mapping[str, str] | None = None, *, fatal: bool = False
    ) -> None:
        super().__init__(f"{status} {REASONS[status]}")
        self.status, self.headers, self.fatal = status, dict(headers or {}), fatal


@dataclass(frozen=True)
class Message:
    """A request or an answer; names of headers are in lower case, repeated ones joined."""

    first: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def parse_head(head: bytes) -> Message:
    """The lines of *head*, which has no blank line at its end."""
    try:
        first, *lines = head.decode("utf-8").splitlines()
    except (UnicodeDecodeError, ValueError) as error:
        raise RtspError(400, fatal=True) from error
    headers = dict[str, str]()
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not name:
            raise RtspError(400, fatal=True)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Message(first, headers)


def body_length(message: Message) -> int:
    text = message.headers.get("content-length", "0")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise RtspError(400, fatal=True)
    if int(text) > BODY_BYTES:
        raise RtspError(413, fatal=True)
    return int(text)


def request_of(message: Message) -> Request:
    match = re.fullmatch(r"([A-Za-z_]+) ([!-~]+) (RTSP/[0-9.]+)", message.first)
    if not match:
        raise RtspError(400, fatal=True)
    if match[3] != "RTSP/1.0":
        raise RtspError(505)
    return Request(match[1].upper(), match[2], message.headers, message.body)


def cseq_of(headers: Mapping[str, str]) -> int:
    text = headers.get("cseq", "")
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise RtspError(400)
    return int(text)


def status_of(message: Message) -> int:
    """The status of an answer; raise `RtspError` when it is none."""
    match = re.fullmatch(r"RTSP/1\.0 ([0-9]{3})(?: .*)?", message.first)
    if not match:
        raise RtspError(400, fatal=True)
    return int(match[1])


def encode_answer(answer: Answer, cseq: int | None) -> bytes:
    head = f"RTSP/1.0 {answer.status} {REASONS[answer.status]}"
    number = {} if cseq is None else {"CSeq": str(cseq)}
    return _encode(head, {**number, "Server": "Lookout", **answer.headers}, answer.body)


def encode_request(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    return _encode(f"{method} {url} RTSP/1.0", headers, body)


def _encode(first: str, headers: Mapping[str, str], body: bytes) -> bytes:
    length = {"Content-Length": str(len(body))} if body else {}
    lines = [first, *(f"{name}: {value}" for name, value in {**headers, **length}.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def path_of(url: str) -> str:
    """What follows the host, the name of the track not counted: `out`, `front`."""
    try:
        path = unquote(urlsplit(url).path, errors="strict").strip("/")
    except (ValueError, UnicodeDecodeError) as error:
        raise RtspError(404) from error
    return path.removesuffix(TRACK).strip("/")


def base_of(url: str) -> str:
    """What a relative control URL is joined to, without a password or a query."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise RtspError(404) from error
    host = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/").removesuffix(TRACK).rstrip("/")
    return f"{parts.scheme or 'rtsp'}://{host}{path}/"


def is_live_range(text: str) -> bool:
    """Whether a `Range` can be met; of a live picture every moment is now."""
    return not text or re.fullmatch(r"npt=[0-9.:a-z]*-[0-9.:]*(;.*)?", text) is not None


def session_of(headers: Mapping[str, str]) -> str:
    return headers.get("session", "").partition(";")[0].strip()
