"""
What can go wrong, as one tree:

* LookoutError
  * BadSettings           the process cannot start like this
  * BadJob                the request can never work
    * UnknownModel
    * UnknownCamera
    * CameraExists
    * BadImage
      * ImageTooLarge
    * ContextTooLong
    * Unsupported         the engine cannot honour a field of the request
    * NotBuilt            this version does not have it
  * CameraError           the camera named by a request gives no picture
    * CameraTimeout       not within the time allowed
    * CameraStale         it did, but its newest frame is too old to answer from
  * EngineError           the engine broke while running a job
  * Unavailable           Redis, or every worker, is away: try again
    * ModelLoading
  * Overloaded            too many jobs wait already
  * DeadlineExceeded      nobody is waiting any more

`code` travels on the wire in `Failed.code`; `api` maps it to an HTTP status.
"""

from collections.abc import Iterator


class LookoutError(Exception):
    """Raised with a message its reader can act on; `param` names the field at fault."""

    code = "internal"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class BadSettings(LookoutError):
    code = "bad_settings"


class BadJob(LookoutError):
    code = "bad_request"


class UnknownModel(BadJob):
    code = "model_not_found"


class UnknownCamera(BadJob):
    code = "camera_not_found"


class CameraExists(BadJob):
    code = "camera_exists"


class BadImage(BadJob):
    code = "bad_image"


class ImageTooLarge(BadImage):
    code = "image_too_large"


class ContextTooLong(BadJob):
    code = "context_length_exceeded"


class Unsupported(BadJob):
    code = "unsupported"


class NotBuilt(BadJob):
    code = "not_implemented"


class CameraError(LookoutError):
    code = "camera_error"


class CameraTimeout(CameraError):
    code = "camera_timeout"


class CameraStale(CameraError):
    code = "camera_stale"


class EngineError(LookoutError):
    code = "engine_error"


class Unavailable(LookoutError):
    code = "unavailable"


class ModelLoading(Unavailable):
    code = "model_loading"


class Overloaded(LookoutError):
    """`retry_after_s` is a guess of when there will be room again."""

    code = "overloaded"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(LookoutError):
    code = "deadline_exceeded"


def tree(root: type[LookoutError] = LookoutError) -> Iterator[type[LookoutError]]:
    """*root* and everything below it."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def from_code(code: str, message: str, param: str | None = None) -> LookoutError:
    """The error that travelled as *code*; one we do not know is a plain `LookoutError`."""
    for kind in tree():
        if kind.code == code:
            error = kind(message)
            error.param = param
            return error
    return LookoutError(message, param=param)
