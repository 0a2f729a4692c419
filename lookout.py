"""The command line: run the stack, ask it, check what works here."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

EPILOG = """\
Begin with `lookout up`: it runs everything on this machine, with a rendered demo camera
and a small demo model. Then, in another terminal:

  lookout ask demo "What do you see?"
  lookout ask rtsp://user:password@10.0.0.5/stream "Is the gate open?"

Any OpenAI client does the same at http://127.0.0.1:9000/v1, with the camera as image_url.
Every option is also an environment variable: --port is LOOKOUT_PORT.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    command = importlib.import_module(f"compose.commands.{options.command}")
    for name, value in vars(options).items():
        if name.isupper() and value is not None:
            os.environ[name] = " ".join(value) if isinstance(value, list) else str(value)
    status: int = command.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lookout",
        description="Ask live cameras questions, through OpenAI's API.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="run everything on this machine until Ctrl-C"))
    _add_ask(commands.add_parser("ask", help="ask one question about a camera or a picture"))
    _add_cameras(commands.add_parser("cameras", help="add, list, remove, try and find cameras"))
    commands.add_parser("doctor", help="say what works here, and what to do about the rest")
    commands.add_parser("demo", help="ask the demo camera, and check the answers")
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    def option(flag: str, variable: str, text: str, **more: object) -> None:
        parser.add_argument(flag, dest=variable, help=f"{text} [{variable}]", **more)  # type: ignore[arg-type]

    option("--port", "LOOKOUT_PORT", "HTTP port, 9000", type=int, metavar="N")
    option("--host", "LOOKOUT_HOST", "address to listen on, 127.0.0.1", metavar="ADDRESS")
    option("--data-dir", "LOOKOUT_DATA_DIR", "what must survive a restart", metavar="DIR")
    option("--run-dir", "LOOKOUT_RUN_DIR", "frames and sockets, best in memory", metavar="DIR")
    option(
        "--camera",
        "LOOKOUT_CAMERAS",
        "a camera to keep open, as often as you like; without any: demo=demo:",
        action="append",
        metavar="ID=URL",
    )
    option(
        "--settings", "LOOKOUT_SETTINGS", "a TOML file with settings and cameras", metavar="FILE"
    )
    option("--model", "LOOKOUT_MODEL", "engine and model: openvino:/path/to/model", metavar="URL")
    option(
        "--preview-port",
        "LOOKOUT_PREVIEW_PORT",
        "RTSP port for players, 5011; 0: none",
        type=int,
        metavar="N",
    )
    option(
        "--redis-port",
        "LOOKOUT_REDIS_PORT",
        "also serve the embedded Valkey on this loopback port",
        type=int,
        metavar="N",
    )


def _add_ask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="a camera's id or URL, or a picture: a URL or a file")
    parser.add_argument("question", help='in plain words: "Is there a person at the gate?"')
    parser.add_argument("--server", default=_server(), help="address of the running stack")
    parser.add_argument("--model", default="default", help="which of the served models")


def _add_cameras(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", default=_server(), help="address of the running stack")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every camera and how it is")
    add = actions.add_parser("add", help="keep a camera open from now on")
    add.add_argument("id", help="its name in questions: front")
    add.add_argument("url", help="rtsp://user:password@10.0.0.5/stream1, v4l2:///dev/video0, …")
    add.add_argument("--name", default="", help="how people call it")
    add.add_argument("--fps", type=float, help="frames per second to publish at most")
    remove = actions.add_parser("rm", help="close a camera and forget it")
    remove.add_argument("id")
    probe = actions.add_parser("probe", help="open a camera from here, without the stack, and tell")
    probe.add_argument("url")
    probe.add_argument("--seconds", type=float, default=5.0, help="how long to watch it")
    probe.add_argument("--save", metavar="FILE", help="keep a picture as a JPEG file")
    discover = actions.add_parser("discover", help="find cameras on this machine and the network")
    discover.add_argument("--seconds", type=float, default=3.0, help="how long to wait for them")


def _server() -> str:
    return os.environ.get("LOOKOUT_URL") or (
        f"http://127.0.0.1:{os.environ.get('LOOKOUT_PORT') or 9000}"
    )


if __name__ == "__main__":
    sys.exit(main())
