"""
Asking a camera over HTTP: with its user and password, not led astray, within a limit.

It knows nothing of pictures. Errors are `CameraError`, in words the owner can act on.
"""

import re
import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from bus.errors import CameraError
from capture.connection import Limit, Network, Stream
from capture.http_login import Login
from capture.reasons import Refused

REDIRECTS = 3
HEADERS = {"user-agent": "Lookout", "accept": "*/*", "accept-encoding": "identity"}
CHUNK = 65536  # bytes
WORDS = {
    404: "the camera has no such path",
    410: "the camera has no such path",
    429: "the camera wants to be asked less often",
}


class Answer:
    """What a camera answers; read it, and close it."""

    def __init__(self, response: httpcore.Response, url: str, network: Network) -> None:
        self.url = url  # after redirects
        self.status, self.headers = response.status, httpx.Headers(response.headers)
        self._response, self._network = response, network
        self._chunks, self._buffer = response.iter_stream(), b""

    @property
    def kind(self) -> str:
        """Its media type: `image/jpeg`."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def size(self) -> int | None:
        """How many bytes, if it says so."""
        length = str(self.headers.get("content-length", ""))
        return int(length) if length.isascii() and length.isdigit() else None

    def peek(self, least: int) -> bytes:
        """The first bytes: at least so many, unless there are no more."""
        while len(self._buffer) < least and (chunk := self._next()):
            self._buffer += chunk
        return self._buffer

    def read(self, most: int = CHUNK) -> bytes:
        """What is there, or the next that comes; nothing at the end."""
        data = self._buffer or self._next()
        self._buffer = data[most:]
        return data[:most]

    def read_all(self, most: int) -> bytes:
        data = bytearray()
        while chunk := self.read():
            data += chunk
            if len(data) > most:
                raise CameraError(f"its picture is larger than {most >> 20} MiB")
        return bytes(data)

    def shut(self) -> None:
        """End a read that another thread waits in."""
        stream = self._response.extensions.get("network_stream")
        if isinstance(stream, Stream):
            stream.shut()

    def close(self) -> None:
        with suppress(CameraError, httpcore.NetworkError, httpcore.ProtocolError):
            self._response.close()

    def _next(self) -> bytes:
        with _in_words(self._network):
            return next(self._chunks, b"")


class Client:
    """Use `open_client`."""

    def __init__(self, url: str, limit: Limit) -> None:
        parts = httpx.URL(url)
        self.url, self._host = without_login(url), parts.host
        self._login = Login(parts.username, parts.password)
        self._network = Network(parts.raw_host.decode(), limit)
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # the network takes another
            network_backend=self._network,
            max_connections=4,
        )

    @property
    def limit(self) -> Limit:
        """How long the next request, and the reading of its answer, may take."""
        return self._network.limit

    @limit.setter
    def limit(self, limit: Limit) -> None:
        self._network.limit = limit

    def get(self, url: str = "", headers: dict[str, str] | None = None) -> Answer:
        """The answer at *url*, if it is a good one; without a URL, at the camera's own."""
        url = url or self.url
        for _ in range(REDIRECTS + 1):
            answer = self._ask(url, headers or {})
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or not location:
                return self._checked(answer)
            answer.close()
            url = without_login(urljoin(url, location))
        raise CameraError(f"it redirects more than {REDIRECTS} times")

    def close(self) -> None:
        with suppress(CameraError, httpcore.NetworkError, httpcore.ProtocolError):
            self._pool.close()

    def _ask(self, url: str, headers: dict[str, str]) -> Answer:
        if urlsplit(url).scheme not in ("http", "https"):
            raise CameraError("it sends us on to something that is not http")
        with _in_words(self._network):
            request = httpx.Request("GET", url, headers=HEADERS | headers)
        if request.url.host != self._host or not self._login.given:
            return self._send(request)
        self._login.sign(request)
        answer = self._send(request)
        if answer.status == 401 and self._login.answer(request, answer.headers):
            answer.close()
            return self._send(request)
        return answer

    def _send(self, request: httpx.Request) -> Answer:
        url = request.url
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        with _in_words(self._network):
            sent = httpcore.Request("GET", target, headers=request.headers.raw)
            return Answer(self._pool.handle_request(sent), str(url), self._network)

    def _checked(self, answer: Answer) -> Answer:
        if answer.status in (200, 203, 206, 304):
            return answer
        answer.close()
        if answer.status == 401 and self._login.given:
            raise Refused("wrong user name or password")
        if answer.status == 401:
            raise Refused(
                "the camera asks for a user name and password: write user:password@ "
                "before its address"
            )
        if answer.status == 403:
            raise Refused("it forbids access")
        if answer.status >= 500:
            raise CameraError(f"the camera has an error of its own ({answer.status})")
        raise CameraError(WORDS.get(answer.status) or f"the camera answered {answer.status}")


@contextmanager
def open_client(url: str, limit: Limit) -> Generator[Client]:
    try:
        client = Client(url, limit)
    except httpx.InvalidURL as error:
        raise CameraError("this is not an address") from error
    try:
        yield client
    finally:
        client.close()


def without_login(url: str) -> str:
    """*url* without user and password, and without what is meant for browsers."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()


@contextmanager
def _in_words(network: Network) -> Generator[None]:
    """Turn what goes wrong in the body into `CameraError`."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise network.limit.over() from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise CameraError(_words(error)) from error
    except (httpcore.UnsupportedProtocol, httpx.InvalidURL, ValueError) as error:
        raise CameraError("it sends us on to something that is not an address") from error


def _words(error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "it does not speak https here: try http://"
    if isinstance(error, httpcore.ConnectError) and isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    if isinstance(error, httpcore.ProtocolError) and not re.search("closed|disconn", str(error)):
        return "what it answers is not HTTP"
    return "the camera closed the connection"
