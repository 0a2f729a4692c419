"""Logs: text on a terminal, one JSON object per line elsewhere. Only ids, never contents."""

import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec

# What every line is about that is written for a request: its id, and that of its job.
REQUEST, JOB = ContextVar("request", default=""), ContextVar("job", default="")

# To the last @: whoever writes an @ or a / into a password unescaped has it masked all the same.
MASK = "***"
_CREDENTIALS = re.compile(r"(?<=://)[^\s\"'<>?]*@")
_IN_QUERY = re.compile(
    r"(?i)(?<=[?&/;])((?:\w+[_-])?(?:pass|password|passwd|pwd|token|secret|key))=[^&\s\"'<>]*"
)
_MADE = re.compile(r"\blk-[\w-]{20,}")
_IN_HEADER = re.compile(r"(?i)(\b(?:bearer|authorization: basic) +)[^\s\"',]+")


def mask(text: str) -> str:
    """*text* without keys and the passwords of URLs: `rtsp://***@10.0.0.5/`, `?pwd=***`."""
    if "@" in text:  # every line of the log is looked at, so it has to be cheap
        text = _CREDENTIALS.sub(f"{MASK}@", text)
    if "earer" in (lower := text.lower()) or "authorization" in lower:
        text = _IN_HEADER.sub(rf"\1{MASK}", text)
    return _MADE.sub(MASK, _IN_QUERY.sub(rf"\1={MASK}", text))


class _Masked(logging.Formatter):
    """Every line passes here, so a foreign library's message cannot leak a password."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        about = "".join(f" {name}={value}" for name, value in _about())
        return super().formatMessage(record) + about


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "from": record.name,
            "event": _clean(record.getMessage()),
        }
        line.update(_about())
        if record.exc_info:
            line["traceback"] = _clean(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


def _about() -> list[tuple[str, str]]:
    return [(name.name, value) for name in (JOB, REQUEST) if (value := name.get())]


def _clean(text: str) -> str:
    """Masked, and encodable: a file's name need not be."""
    return mask(text).encode("utf-8", "backslashreplace").decode()


def configure(level: str, style: str, process: str) -> None:
    """Send the logs of this process to stderr; *style* is `text`, `json` or `auto`."""
    text = style == "text" or (style == "auto" and sys.stderr.isatty())
    plain = f"%(asctime)s %(levelname)-7s {process} %(message)s"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masked(plain, "%H:%M:%S") if text else _Json())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # What no line of ours says, and costs to find out: 10 us each, of which there is one a request.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for noisy in ("httpx", "httpcore", "libav", "uvicorn.access", "apprise", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
