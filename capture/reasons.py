"""
Why a camera gives no picture, in words its owner can act on.

FFmpeg's own errors name the URL with its password, and a time-out as anything but one.
"""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from urllib.parse import urlsplit

from av import error as av

from bus.errors import CameraError

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
WORDS: dict[type[Exception], str] = {
    av.HTTPUnauthorizedError: "wrong user name or password",
    av.HTTPForbiddenError: "it forbids access",
    av.HTTPNotFoundError: "the camera has no such path",
    av.HTTPClientError: "the camera refused the request",
    av.HTTPServerError: "the camera has an error of its own",
    av.ConnectionRefusedError: "connection refused",
    av.ConnectionResetError: "the camera closed the connection",
    av.BrokenPipeError: "the camera closed the connection",
    av.FileNotFoundError: "no such file",
    av.PermissionError: "we may not read it",
    av.DecoderNotFoundError: "its codec is not known here",
    av.InvalidDataError: "not a video or picture",
    av.ArgumentError: "not a video or picture",  # of a format we do not want
    av.EOFError: "not a video or picture",
}


class Refused(CameraError):
    """It knows us and says no. Asked too often, many a camera shuts its owner out, too."""


@contextmanager
def opening(url: str, limit_s: float) -> Generator[None]:
    """Turn what goes wrong while *url* is opened into `CameraError`."""
    start = monotonic()
    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
            raise Refused(_words(error)) from error
        reason = gone_silent(error, monotonic() - start, limit_s) or _unreachable(url, error)
        raise CameraError(reason or _words(error)) from error


@contextmanager
def reading(limit_s: float) -> Generator[None]:
    """Turn what goes wrong in the body, which waits for frames, into `CameraError`."""
    try:
        yield
    except av.ExitError as error:
        raise CameraError(f"gave no frame for {limit_s:g} s") from error
    except av.InvalidDataError as error:
        raise CameraError("it sends what cannot be decoded") from error
    except av.FFmpegError as error:
        raise CameraError(_words(error)) from error


def gone_silent(error: av.FFmpegError, waited_s: float, limit_s: float) -> str:
    """PyAV interrupts a call that takes too long, which then fails with almost any error."""
    late = waited_s >= limit_s * 0.98 or isinstance(error, av.ExitError | av.TimeoutError)
    return f"gave no answer within {limit_s:g} s" if late else ""


def _unreachable(url: str, error: av.FFmpegError) -> str:
    """FFmpeg has one vague error for many: ask the system what stands in the way."""
    parts = urlsplit(url)
    if not parts.hostname or not isinstance(error, av.OSError | av.InvalidDataError):
        return ""
    try:
        with socket.create_connection((parts.hostname, parts.port or PORTS[parts.scheme]), 1.0):
            return ""
    except socket.gaierror:
        return f"there is no host {parts.hostname}"
    except OSError as reason:
        return (reason.strerror or "no connection").lower()


def _words(error: av.FFmpegError) -> str:
    for kind, words in WORDS.items():
        if isinstance(error, kind):
            return words
    return (error.strerror or type(error).__name__).lower()
