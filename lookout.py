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
Listening elsewhere than on this machine (--host), a stack makes a key and says it once.
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
    _add_rules(commands.add_parser("rules", help="add, list, remove and try rules"))
    _add_watch(commands.add_parser("watch", help="show alerts as they come, until Ctrl-C"))
    commands.add_parser("doctor", help="say what works here, and what to do about the rest")
    commands.add_parser("demo", help="ask the demo camera, and check the answers")
    _add_replay(commands.add_parser("replay", help="try rules on a recording, and tune them"))
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
    option(
        "--model",
        "LOOKOUT_MODEL",
        "engine and model: openvino:/path/to/model; as often as you like: requests choose by"
        " name, the first one answers the others [LOOKOUT_MORE_MODELS]",
        action=_Models,
        metavar="URL",
    )
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


class _Models(argparse.Action):
    """The first one is the default."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if namespace.LOOKOUT_MODEL is None:
            namespace.LOOKOUT_MODEL = values
        else:
            more = getattr(namespace, "LOOKOUT_MORE_MODELS", [])
            namespace.LOOKOUT_MORE_MODELS = [*more, values]


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", default=_server(), help="address of the running stack")
    _add_key(parser)


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        default=os.environ.get("LOOKOUT_API_KEY"),
        help="its key, where it asks for one; found by itself on its machine [LOOKOUT_API_KEY]",
    )


def _add_ask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="a camera's id or URL, or a picture: a URL or a file")
    parser.add_argument("question", help='in plain words: "Is there a person at the gate?"')
    _add_server(parser)
    parser.add_argument("--model", default="default", help="which of the served models")


def _add_cameras(parser: argparse.ArgumentParser) -> None:
    _add_server(parser)
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


def _add_replay(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("clip", nargs="?", help="a video file, or the demo camera: demo:?seconds=120")
    option("--rule", action="append", default=[], metavar="QUESTION", help="as often as you like")
    option("--rules", metavar="FILE", help="TOML with tables [rules.NAME], or rules as JSON")
    option(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="change a field of all rules: on=0.8, for_s=5, gate=none",
    )
    option("--labels", metavar="FILE", help="JSON or CSV: rule, from, to (seconds of a yes)")
    option(
        "--feedback",
        metavar="URL",
        help="instead of a clip: the alerts of this server that were marked right or wrong",
    )
    _add_key(parser)
    option("--tolerance", type=float, default=1.0, metavar="S", help="of labels, 1 s")
    option("--model", metavar="URL", help="engine and model: openvino:/path/to/model")
    option("--fps", type=float, default=15.0, help="pictures per second as published, 15")
    option("--camera", metavar="ID", help="as this camera: its rules, its zones")
    option("--start", metavar="TIME", help="when it was recorded, for schedules and in events")
    option("--out", default="replay", metavar="DIR", help="where the report goes: replay")


def _add_rules(parser: argparse.ArgumentParser) -> None:
    _add_server(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every rule, and how it stands on each camera")
    add = actions.add_parser("add", help="ask a question again and again, from now on")
    add.add_argument("question", help='answered by yes or no: "Is there a person?"')
    add.add_argument("--camera", action="append", metavar="ID", help="as often as you like; all")
    add.add_argument("--id", help="made from the name when there is none")
    add.add_argument("--name", help="how people call it")
    add.add_argument("--every", dest="every_s", type=float, metavar="S", help="1")
    add.add_argument("--on", type=float, metavar="P", help="P(yes) from which it fires, 0.6")
    add.add_argument("--for", dest="for_s", type=float, metavar="S", help="it holds so long, 0")
    add.add_argument(
        "--zone",
        action="append",
        metavar="[ID=]X,Y …",
        help='only this part, in shares of the picture: "front=0,0.5 1,0.5 1,1 0,1"',
    )
    remove = actions.add_parser("rm", help="forget a rule")
    remove.add_argument("id")
    test = actions.add_parser("test", help="ask a rule's question once, now")
    test.add_argument("rule", metavar="ID-or-QUESTION")
    test.add_argument("--camera", required=True, metavar="ID")


def _add_watch(parser: argparse.ArgumentParser) -> None:
    _add_server(parser)
    parser.add_argument("--since", metavar="LOG_ID", help="begin after it; 0: all that is kept")
    parser.add_argument("--json", action="store_true", help="whole events, one on a line")


def _server() -> str:
    return os.environ.get("LOOKOUT_URL") or (
        f"http://127.0.0.1:{os.environ.get('LOOKOUT_PORT') or 9000}"
    )


if __name__ == "__main__":
    sys.exit(main())
