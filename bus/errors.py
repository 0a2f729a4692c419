"""
What can go wrong, as one tree:

* LookoutError
  * BadSettings           the process cannot start like this
  * Unauthorized          whoever asks has shown no key, or a wrong one
  * BadJob                the request can never work
    * UnknownModel
    * UnknownCamera
    * CameraExists
    * UnknownRule
    * RuleExists
    * UnknownAlert
    * UnknownSnapshot     its picture was not kept, or is no longer
    * BadImage
      * ImageTooLarge
    * ContextTooLong
    * Unsupported         the engine cannot honour a field of the request
    * NotBuilt            this version does not have it
  * CameraError           the camera named by a request gives no picture
    * CameraTimeout       not within the time allowed
    * CameraStale         it did, but its newest frame is too old to answer from
  * EngineError           the engine broke while running a job
    * BadOutput           the model did not answer in the form that was asked for
  * Unavailable           Redis, or every worker, is away: try again
    * ModelLoading
  * Overloaded            too many jobs wait already
    * RateLimited         this key asks for more than it may
  * DeadlineExceeded      nobody is waiting any more

`code` and `retry_after_s` travel on the wire in `Failed`; `api` makes a status and a header
of them.
"""

from collections.abc import Iterator


class LookoutError(Exception):
    """
    Raised with a message its reader can act on; `param` names the field at fault.

    `retry_after_s` is a guess of when it may work, in seconds; None where trying again is no
    use, or nobody knows.
    """

    code = "internal"
    retry_after_s: float | None = None

    def __init__(
        self, message: str, *, param: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.param = param
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s


class BadSettings(LookoutError):
    code = "bad_settings"


class Unauthorized(LookoutError):
    code = "invalid_api_key"


class BadJob(LookoutError):
    code = "bad_request"


class UnknownModel(BadJob):
    code = "model_not_found"


class UnknownCamera(BadJob):
    code = "camera_not_found"


class CameraExists(BadJob):
    code = "camera_exists"


class UnknownRule(BadJob):
    code = "rule_not_found"


class RuleExists(BadJob):
    code = "rule_exists"


class UnknownAlert(BadJob):
    code = "alert_not_found"


class UnknownSnapshot(BadJob):
    code = "snapshot_not_found"


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


class BadOutput(EngineError):
    code = "invalid_output"


class Unavailable(LookoutError):
    code = "unavailable"
    retry_after_s = 2.0


class ModelLoading(Unavailable):
    code = "model_loading"


class Overloaded(LookoutError):
    code = "overloaded"
    retry_after_s = 1.0


class RateLimited(Overloaded):
    code = "rate_limit_exceeded"


class DeadlineExceeded(LookoutError):
    code = "deadline_exceeded"


def tree(root: type[LookoutError] = LookoutError) -> Iterator[type[LookoutError]]:
    """*root* and everything below it."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def from_code(
    code: str, message: str, param: str | None = None, retry_after_s: float | None = None
) -> LookoutError:
    """The error that travelled as *code*; one we do not know is a plain `LookoutError`."""
    kind = next((kind for kind in tree() if kind.code == code), LookoutError)
    return kind(message, param=param, retry_after_s=retry_after_s)
