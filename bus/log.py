"""Logs: text on a terminal, one JSON object per line elsewhere. Only ids, never contents."""

import json
import logging
import re
import sys
from datetime import UTC, datetime

# To the last @: whoever writes an @ or a / into a password unescaped has it masked all the same.
MASK = "***"
_CREDENTIALS = re.compile(r"(?<=://)[^\s\"'<>?]*@")
_IN_QUERY = re.compile(r"(?i)(?<=[?&/;])(pass|password|passwd|pwd|token|secret|key)=[^&\s\"'<>]*")


def mask(text: str) -> str:
    """*text* without the passwords of the URLs in it: `rtsp://***@10.0.0.5/`, `?pwd=***`."""
    return _IN_QUERY.sub(rf"\1={MASK}", _CREDENTIALS.sub(f"{MASK}@", text))


class _Masked(logging.Formatter):
    """Every line passes here, so a foreign library's message cannot leak a password."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "from": record.name,
            "event": mask(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = mask(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(level: str, style: str, process: str) -> None:
    """Send the logs of this process to stderr; *style* is `text`, `json` or `auto`."""
    text = style == "text" or (style == "auto" and sys.stderr.isatty())
    plain = f"%(asctime)s %(levelname)-7s {process} %(message)s"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masked(plain, "%H:%M:%S") if text else _Json())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "libav", "uvicorn.access", "apprise", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
