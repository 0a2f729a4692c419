"""
Asks the hub: which files a model has, and for each of them from a given byte on.

The server of `HF_ENDPOINT` is asked in place of huggingface.co. The token goes to it alone,
not to the servers that it sends us on to, and into no message.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from bus.errors import BadSettings, EngineError
from inference.hub.cache import Entry, Listing, home
from inference.hub.listing import Answer
from inference.hub.name import HubModel

HUB = "https://huggingface.co"
SILENT_S = 30.0  # without a byte, then a connection is given up
CONNECT_S = 10.0
# Before each further try, of those that bring nothing new: of a list of files, and of a file.
LIST_PAUSES_S = (0.3, 0.7)
FILE_PAUSES_S = (0.3, 1.0, 2.0, 4.0)

T = TypeVar("T")


class Away(EngineError):
    """The hub, or what it sends us on to, does not answer as it should; it may later."""


class Client:
    def __init__(self, env: Mapping[str, str], model: HubModel) -> None:
        self._endpoint = (env.get("HF_ENDPOINT") or HUB).rstrip("/")
        self._token = token(env)
        self._model = model
        headers = {"User-Agent": "lookout", "Accept-Encoding": "identity"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        timeout = httpx.Timeout(_silent_s(env), connect=CONNECT_S)
        self._http = httpx.Client(headers=headers, timeout=timeout, follow_redirects=True)

    def close(self) -> None:
        self._http.close()

    def listing(self, needed: Callable[[list[str]], list[str]]) -> Listing:
        """The files that are *needed* of all that the model has."""
        answer = persistently(self._ask, LIST_PAUSES_S)
        siblings = {sibling.rfilename: sibling for sibling in answer.siblings}
        chosen = needed(list(siblings))
        try:
            return Listing(answer.sha, tuple(siblings[path].entry() for path in chosen))
        except ValueError as error:
            raise EngineError(f"{self._host} says too little of {self._model}: {error}") from error

    @contextmanager
    def opened(self, commit: str, entry: Entry, start: int) -> Iterator[httpx.Response]:
        """A file from the byte *start* on, or all of it: the status says which."""
        path = f"/{self._model.repository}/resolve/{commit}/{quote(entry.path)}"
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._asked(path, headers) as response:
            yield response

    def _ask(self) -> Answer:
        revision = quote(self._model.revision, safe="")
        path = f"/api/models/{self._model.repository}/revision/{revision}?blobs=true"
        with self._asked(path, {}) as response:
            try:
                return msgspec.json.decode(response.read(), type=Answer)
            except ValueError as error:
                raise EngineError(f"{self._host} is no hub of models: {error}") from error

    @property
    def _host(self) -> str:
        return urlsplit(self._endpoint).hostname or "the server of HF_ENDPOINT"

    @contextmanager
    def _asked(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        try:
            with self._http.stream("GET", self._endpoint + path, headers=headers) as response:
                if not response.is_success:
                    self._refuse(response)
                yield response
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise BadSettings(f"HF_ENDPOINT is no address of a server: {error}") from error
        except httpx.HTTPError as error:
            raise Away(
                f"cannot reach {self._host}: {str(error) or type(error).__name__}"
            ) from error

    def _refuse(self, response: httpx.Response) -> NoReturn:
        model, status = self._model, response.status_code
        if response.url.netloc != httpx.URL(self._endpoint).netloc:
            raise Away(f"{response.url.host}, which has the files of {model}, answers {status}")
        code = response.headers.get("X-Error-Code", "")
        if code == "GatedRepo" or (status == httpx.codes.FORBIDDEN and not code):
            raise BadSettings(self._gated())
        if code == "RevisionNotFound":
            raise BadSettings(f"{model.repository} has no revision {model.revision}")
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
            raise BadSettings(self._unknown())
        raise Away(f"{self._host} answers {status} when it is asked for {model}")

    def _gated(self) -> str:
        repository = self._model.repository
        if self._token:
            who = "the owner of the token in HF_TOKEN has not accepted its terms"
        else:
            who = "accept its terms, then set HF_TOKEN"
        return f"{repository} is gated: {who} ({HUB}/{repository})"

    def _unknown(self) -> str:
        why = "the token in HF_TOKEN cannot see it" if self._token else "HF_TOKEN must be set"
        repository = self._model.repository
        return (
            f"{self._host} knows no model {repository}, and no such folder is here;"
            f" if it is private, {why}"
        )


def persistently(
    attempt: Callable[[], T], pauses_s: Sequence[float], gained: Callable[[], int] = lambda: 0
) -> T:
    """
    What *attempt* returns; it is made again while the hub is away, with growing pauses.

    One that *gained* bytes begins the series anew.
    """
    pauses, so_far = iter(pauses_s), gained()
    while True:
        try:
            return attempt()
        except Away:
            if gained() > so_far:
                pauses, so_far = iter(pauses_s), gained()
            if (pause_s := next(pauses, None)) is None:
                raise
            time.sleep(pause_s)


def token(env: Mapping[str, str]) -> str:
    """The one of the environment, or of whoever has logged in with the hub's own tool."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if text := env.get(name, "").strip():
            return text
    try:
        return (
            Path(env.get("HF_TOKEN_PATH") or home(env) / "token").expanduser().read_text().strip()
        )
    except OSError:
        return ""


def _silent_s(env: Mapping[str, str]) -> float:
    """As the hub's own tools are told it."""
    try:
        return float(env.get("HF_HUB_DOWNLOAD_TIMEOUT") or SILENT_S)
    except ValueError as error:
        raise BadSettings(f"HF_HUB_DOWNLOAD_TIMEOUT: {error}") from error
