#!/usr/bin/env python3
"""
`mlc_llm serve` as we know it, without MLC: its arguments, its policies, its wire, its failures.

Needs the standard library only. What a life of it does wrong stands in `fake.json` in the
model's folder, as a list of words for each life; what a request does wrong, in its question.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

POLICIES = ("ON", "OFF", "REDO", "READONLY")
PICTURE_TOKENS = 576
LONG_S = 60.0
FOR_EVER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def main() -> None:
    arguments = parse(sys.argv[1:])
    check_policies()
    folder = fetched(arguments.model)
    (folder / "command.json").write_text(json.dumps([sys.argv, dict(os.environ)]))
    library(arguments, folder)
    faults = faults_of_this_life(folder)
    begin(faults, folder)
    server = Server(arguments, folder, faults)
    say("INFO:     Application startup complete.")
    if "leaks" in faults:  # also its listening socket
        subprocess.Popen([sys.executable, "-c", FOR_EVER], start_new_session=True, close_fds=False)
    server.serve_forever()


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("MLC LLM Serve CLI")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model-lib")
    parser.add_argument("--mode", choices=["local", "interactive", "server"], default="local")
    parser.add_argument("--overrides", type=overrides, default={})
    parser.add_argument("--prefix-cache-mode", choices=["disable", "radix"], default="radix")
    parser.add_argument("--prefill-mode", choices=["hybrid", "chunked"], default="hybrid")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--api-key")
    parser.add_argument("--enable-debug", action="store_true")
    return parser.parse_args(words)


def overrides(text: str) -> dict[str, float]:
    known = ["max_num_sequence", "max_total_seq_length", "prefill_chunk_size"]
    known += ["context_window_size", "gpu_memory_utilization"]
    found = dict(pair.split("=") for pair in text.split(";") if pair)
    if set(found) - set(known):
        raise argparse.ArgumentTypeError(text)
    return {name: float(value) for name, value in found.items()}


def check_policies() -> None:
    for name in ("MLC_JIT_POLICY", "MLC_DOWNLOAD_CACHE_POLICY"):
        if os.environ.get(name, "ON") not in POLICIES:
            raise ValueError(f"Invalid {name}.")


def fetched(model: str) -> Path:
    folder = Path(model)
    if model.startswith("HF://"):
        policy = os.environ["MLC_DOWNLOAD_CACHE_POLICY"]
        home = Path(os.environ["MLC_LLM_HOME"])
        folder = home / "model_weights" / "hf" / model.removeprefix("HF://")
        if policy == "OFF" or (policy == "READONLY" and not folder.exists()):
            raise RuntimeError(f"Cannot download {model} as MLC_DOWNLOAD_CACHE_POLICY={policy}")
        if not folder.exists():
            say(f"\x1b[1m[Git]\x1b[0m Cloning {model} to {folder}".replace("\x1b", ""))
            say("INFO [Git LFS] Downloading tokenizer.json")
            folder.mkdir(parents=True)
            (folder / "mlc-chat-config.json").write_text('{"quantization": "q4f16_1"}')
    if not (folder / "mlc-chat-config.json").is_file():
        raise FileNotFoundError(f"Cannot find {folder}/mlc-chat-config.json")
    return folder


def library(arguments: argparse.Namespace, folder: Path) -> None:
    if arguments.model_lib:
        say(f"INFO Using library model: {arguments.model_lib}")
        return
    if os.environ["MLC_JIT_POLICY"] != "ON":
        raise RuntimeError("No cached model lib found, and JIT is disabled by MLC_JIT_POLICY")
    say("INFO Compiling using commands below:")
    subprocess.run([sys.executable, "-c", "pass"], check=False)
    say("INFO Using compiled model lib: /somewhere.so")


def faults_of_this_life(folder: Path) -> list[str]:
    count = folder / "lives"
    number = int(count.read_text()) if count.exists() else 0
    count.write_text(str(number + 1))
    file = folder / "fake.json"
    lives: list[list[str]] = json.loads(file.read_text()) if file.exists() else []
    return lives[min(number, len(lives) - 1)] if lives else []


def begin(faults: list[str], folder: Path) -> None:
    """What goes wrong before there is a server."""
    if "deaf" in faults:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (folder / "grandchild").write_text(
            str(subprocess.Popen([sys.executable, "-c", FOR_EVER], start_new_session=True).pid)
        )
    if "chatters" in faults:
        sys.stderr.write(40_000 * "all is well and will be well for as long as this line is\n")
    if "garbles" in faults:
        sys.stderr.buffer.write(bytes(range(256)) * 40)
    if "creeps" in faults:
        for number in range(20):
            say(f"INFO [Git LFS] Downloading params_shard_{number}.bin")
            time.sleep(0.2)
    if "port" in faults:
        sys.exit("ERROR:    [Errno 98] error while attempting to bind: address already in use")
    if "crashes" in faults:
        sys.exit("TVMError: CUDA: out of memory")
    if "ends" in faults:
        sys.exit(0)
    if "hangs" in faults:
        say("Traceback: cannot load the library")
        time.sleep(600)


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, arguments: argparse.Namespace, folder: Path, faults: list[str]) -> None:
        super().__init__((arguments.host, arguments.port), Answering)
        self.arguments, self.folder, self.faults = arguments, folder, faults
        self.users = set[str]()
        if "leaks" in faults:
            self.socket.set_inheritable(True)


class Refused(Exception):
    def __init__(self, status: int, body: object) -> None:
        self.status, self.body = status, body


def bad(message: str) -> Refused:
    """As the real one has it: JSON in a JSON string."""
    return Refused(400, json.dumps({"object": "error", "message": message, "code": 400}))


def invalid(where: str, message: str) -> Refused:
    return Refused(
        422, {"detail": [{"type": "value_error", "loc": ["body", where], "msg": message}]}
    )


class Answering(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        say(f'INFO:     127.0.0.1 - "{format % args}"')

    def do_GET(self) -> None:
        self.answer(lambda: self.send_json(200, self.models()))

    def do_POST(self) -> None:
        self.answer(self.chat)

    def answer(self, do: Any) -> None:
        key = self.server.arguments.api_key
        try:
            if key and self.headers.get("Authorization", "").replace("Bearer ", "") != key:
                raise Refused(401, {"detail": "Invalid API Key"})
            do()
        except Refused as refused:
            self.send_json(refused.status, refused.body)
        except (BrokenPipeError, ConnectionResetError):
            with (self.server.folder / "aborted").open("a") as file:
                file.write("x")

    def models(self) -> dict[str, object]:
        model = {"id": self.server.arguments.model, "object": "model", "owned_by": "MLC-LLM"}
        return {"object": "list", "data": [model]}

    def chat(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with (self.server.folder / "requests").open("a") as file:
            file.write(json.dumps(request) + "\n")
        self.check(request)
        question = self.question(request)
        if "mute" in self.server.faults or "say nothing" in question:
            time.sleep(LONG_S)
        if "no tools" in self.server.faults and "tools" in request:
            raise bad("tools are not supported")
        if "refuses" in self.server.faults or "fail" in question:
            raise Refused(500, "Internal Server Error")
        self.stream(request, question)

    def check(self, request: dict[str, Any]) -> None:
        if request["model"] != self.server.arguments.model:
            raise bad(f'The requested model "{request["model"]}" is not served.')
        if request.get("stream_options") and not request.get("stream"):
            raise invalid("stream_options", "The field stream must be True")
        form = request.get("response_format") or {"type": "text"}
        if form["type"] not in ("text", "json_object") or not isinstance(
            form.get("schema", ""), str
        ):
            raise invalid("response_format", "Input should be 'text' or 'json_object'")
        if form["type"] == "json_object" and "grammar hangs" in self.server.faults:
            time.sleep(LONG_S)
        if user := request.get("user"):
            if user in self.server.users:
                raise Refused(500, "Internal Server Error")
            self.server.users.add(user)
        for number, message in enumerate(request["messages"]):
            if message["role"] == "system" and number:
                raise bad(f"System prompt at position {number} in the message list is invalid.")
            if message["role"] != "user" and isinstance(message["content"], list):
                raise bad(f"{message['role']} message must have string content")

    def question(self, request: dict[str, Any]) -> str:
        """The last message's words; its pictures are counted."""
        content = request["messages"][-1]["content"]
        if isinstance(content, str):
            return content
        chunk = self.server.arguments.overrides.get("prefill_chunk_size", 2048)
        for part in content:
            if part["type"] == "image_url":
                if not part["image_url"]["url"].startswith("data:image"):
                    raise Refused(500, "Internal Server Error")
                if "blind" in self.server.faults:
                    raise Refused(500, "Internal Server Error")
                if "hangs at pictures" in self.server.faults:
                    time.sleep(LONG_S)
                if chunk < PICTURE_TOKENS:
                    raise bad("A picture is larger than the prefill chunk")
        return " ".join(part["text"] for part in content if part["type"] == "text")

    def stream(self, request: dict[str, Any], question: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()
        words = question.split() if "go on" not in question else 10_000 * ["and"]
        said = words[: request.get("max_tokens") or None]
        for number, word in enumerate(said):
            if number:
                self.misbehave(question)
            self.send_chunk([{"index": 0, "delta": {"role": "assistant", "content": f"{word} "}}])
        reason = "length" if len(said) < len(words) else "stop"
        self.send_chunk([{"index": 0, "delta": {"content": ""}, "finish_reason": reason}])
        if (request.get("stream_options") or {}).get("include_usage"):
            self.send_chunk([], {"prompt_tokens": 7, "completion_tokens": len(said)})
        self.wfile.write(b"data: [DONE]\n\n")

    def misbehave(self, question: str) -> None:
        if "stop speaking" in question:
            time.sleep(LONG_S)
        if "break off" in question:
            self.connection.shutdown(socket.SHUT_RDWR)
            raise BrokenPipeError
        if "die" in question:
            say("terminate called after throwing an instance of 'tvm::runtime::InternalError'")
            os.kill(os.getpid(), signal.SIGKILL if "silently" in question else signal.SIGABRT)
            time.sleep(LONG_S)
        if "go on" in question:
            time.sleep(0.02)

    def send_chunk(self, choices: list[Any], usage: dict[str, int] | None = None) -> None:
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": choices}
        self.wfile.write(b"data: %s\n\n" % json.dumps({**chunk, "usage": usage}).encode())
        self.wfile.flush()

    def send_json(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(HTTPStatus(status))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    threading.excepthook = threading.__excepthook__
    main()
