"""
A hub of models on this machine: its API, its redirects to another server, its failures.

What it does wrong stands in its `faults`, and may change while it runs.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

REPOSITORY = "maker/tiny-ov"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".bin", ".safetensors", ".gguf")
PIECE = 1 << 15


@dataclass
class Faults:
    gated: bool = False
    token: str = ""  # without it, the model is not there
    cut_at: int = 0  # bytes of a large file after which the connection breaks
    cuts: int = 0  # how often
    stalls: bool = False  # it does not break then, but falls silent
    ignores_ranges: bool = False
    garbled: int = 0  # how many large files arrive with a wrong byte
    holds_at: int = 0  # bytes of large files, all together, after which no more comes
    size: int = 0  # of each file, as it is said
    status: int = 0  # of every answer
    body: str = ""  # in place of what there is to say of the model


@dataclass
class Hub:
    files: dict[str, bytes]
    endpoint: str = ""
    store: str = ""  # where the large files are
    faults: Faults = field(default_factory=Faults)
    asked: list[str] = field(default_factory=list)  # paths, with the range that was asked for
    tokens: dict[str, set[str]] = field(default_factory=lambda: {"hub": set(), "store": set()})
    sent: int = 0  # bytes of large files
    go_on: threading.Event = field(default_factory=threading.Event)

    def asked_for(self, name: str) -> list[str]:
        return [line for line in self.asked if name in line]


class Visit(BaseHTTPRequestHandler):
    hub: Hub
    role: str

    def do_GET(self) -> None:
        hub = self.hub
        hub.asked.append(f"{self.path} {self.headers.get('Range', '')}".strip())
        hub.tokens[self.role].add(self.headers.get("Authorization", ""))
        if hub.faults.status:
            self.refuse(hub.faults.status)
        elif self.role == "store":
            self.send_large(hub.files[unquote(urlsplit(self.path).path).strip("/")])
        elif hub.faults.token not in self.headers.get("Authorization", ""):
            self.refuse(401, "RepoNotFound")
        elif self.path.startswith(f"/api/models/{REPOSITORY}/revision/"):
            self.describe(urlsplit(self.path).path.rpartition("/")[2])
        elif self.path.startswith(f"/{REPOSITORY}/resolve/{COMMIT}/"):
            self.resolve(unquote(self.path.rpartition("/")[2]))
        else:
            self.refuse(404, "RepoNotFound")

    def describe(self, revision: str) -> None:
        if revision not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound")
            return
        siblings = [self.sibling(name, data) for name, data in self.hub.files.items()]
        said = json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": siblings})
        self.send(200, (self.hub.faults.body or said).encode())

    def sibling(self, name: str, data: bytes) -> dict[str, Any]:
        said = {"rfilename": name, "size": self.hub.faults.size or len(data), "blobId": git(data)}
        if name.endswith(LARGE):
            sha256 = hashlib.sha256(data).hexdigest()
            said["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
        return said

    def resolve(self, name: str) -> None:
        if self.hub.faults.gated:
            self.refuse(401, "GatedRepo")
        elif name.endswith(LARGE):
            self.send(302, b"", Location=f"{self.hub.store}/{name}?Signature=abc")
        else:
            self.send(200, self.hub.files[name], ETag=f'"{git(self.hub.files[name])}"')

    def send_large(self, data: bytes) -> None:
        faults, asked = self.hub.faults, self.headers.get("Range", "bytes=0-")
        start = 0 if faults.ignores_ranges else int(asked[len("bytes=") : -1])
        if faults.garbled:
            faults.garbled -= 1
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        for at in range(start, len(data), PIECE):
            if faults.cuts and at - start >= faults.cut_at:
                faults.cuts -= 1
                if faults.stalls:
                    self.hub.go_on.wait(30)
                return
            if faults.holds_at and self.hub.sent >= faults.holds_at:
                self.hub.go_on.wait(30)
            self.hub.sent += self.wfile.write(data[at : at + PIECE])

    def refuse(self, status: int, code: str = "") -> None:
        self.send(status, b'{"error":"no"}', **({"X-Error-Code": code} if code else {}))

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A visitor who leaves early is none."""


def git(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Hub]:
    hub = Hub(files)
    with _server(hub, "hub") as hub.endpoint, _server(hub, "store") as hub.store:
        yield hub
        hub.go_on.set()


@contextmanager
def _server(hub: Hub, role: str) -> Iterator[str]:
    visit = type("Visit", (Visit,), {"hub": hub, "role": role})
    with Server(("127.0.0.1", 0), visit) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
