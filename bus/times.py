"""Times as people and other programs read them. Pure."""

from datetime import UTC, datetime


def utc(unix_s: float) -> str:
    """ISO 8601 with milliseconds: `2026-11-23T17:20:46.123Z`."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
