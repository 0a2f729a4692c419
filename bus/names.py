"""Every Redis key, Redis channel and ZeroMQ topic, in one place."""

from typing import Literal

Lane = Literal["interactive", "background"]
LANES: tuple[Lane, ...] = ("interactive", "background")  # a worker empties the first one first

WORKERS = "workers"  # consumer group on every lane
WORKER_LIST = "lookout:workers"  # set: ids of inference processes, dead ones among them
CANCEL = "lookout:cancel"  # channel: ids of jobs whose client is gone
CAMERAS = "lookout:cameras"  # hash: id -> CameraSpec, the cameras that shall be open
CAPTURES = "lookout:captures"  # sorted set: capture processes, by when they last looked, unix s
CAMERA_COMMANDS = "lookout:camera-commands"  # channel: something in CAMERAS changed
CAMERA_EVENTS = "lookout:camera-events"  # channel: ids of cameras whose state changed
ALERTS = "lookout:alerts"  # channel: alert events as JSON, for whoever subscribes
ALERTS_LOG = "lookout:alerts:log"  # stream: the same events, for replay
ALERT_INDEX = "lookout:alerts:index"  # sorted set: ids of alerts by when they fired, unix s
RULES = "lookout:rules"  # hash: id -> Rule as JSON
LEGACY_RULES = "lookout:rules:legacy"  # set: ids of rules that came as the ancestor's list
SETTING_RULES = "lookout:rules:settings"  # set: ids of rules that the settings name
RULE_CHANGES = "lookout:rule-changes"  # channel: id of a rule that was added, changed, removed
STANDINGS = "lookout:standings"  # hash: rule/camera -> how the rule stands there, as JSON
STANDING_CHANGES = "lookout:standing-changes"  # channel: a field of STANDINGS that has changed
ALERTS_LEADER = "lookout:alerts-leader"  # id of the alerts process that judges; expires with it
TARGETS = "lookout:targets"  # set: names of the targets that events are delivered to
ANSWERS = "lookout:answers"  # channel: what was just said about a camera
RESPONSES = "lookout:responses"  # sorted set: ids of kept responses by when they end, unix s
RESPONSE_SIZES = "lookout:responses:sizes"  # hash: their ids -> bytes, and `total`


def jobs(model: str, lane: Lane) -> str:
    """Stream of jobs that wait for a worker with *model*."""
    return f"lookout:jobs:{model}:{lane}"


def replies(process: str) -> str:
    """Stream of all replies to one api or alerts process; it expires after the process."""
    return f"lookout:replies:{process}"


def image(digest: str) -> str:
    """Bytes of an uploaded picture; the digest is its SHA-256 in hexadecimal."""
    return f"lookout:image:{digest}"


def camera(camera_id: str) -> str:
    """Hash: live status of a camera, written by the capture process that owns it."""
    return f"lookout:camera:{camera_id}"


def camera_used(camera_id: str) -> str:
    """Exists while somebody has lately asked for the camera; then an implicit one may close."""
    return f"lookout:camera-used:{camera_id}"


def camera_lease(camera_id: str) -> str:
    """Id of the capture process that has the camera; expires when that process dies."""
    return f"lookout:camera-lease:{camera_id}"


def camera_down(camera_id: str) -> str:
    """Id of the alert that says that the camera is down, until it is up again."""
    return f"lookout:camera-down:{camera_id}"


def answer(camera_id: str) -> str:
    """The last question about the camera and what was answered; it expires."""
    return f"lookout:answer:{camera_id}"


def alert(alert_id: str) -> str:
    """The alert as JSON; it expires with the retention of alerts."""
    return f"lookout:alert:{alert_id}"


def snapshot(alert_id: str) -> str:
    """JPEG that the alert was judged on; it expires with the retention of snapshots."""
    return f"lookout:snapshot:{alert_id}"


def evidence(job_id: str) -> str:
    """JPEG of the newest frame that the job was judged on; it expires soon after the answer."""
    return f"lookout:evidence:{job_id}"


def response(response_id: str) -> str:
    """Hash: a kept response and the pictures of its conversation; see `api.responses.store`."""
    return f"lookout:response:{response_id}"


def rate(key: str) -> str:
    """When the API key *key*, by its name, may ask a whole minute's requests again, unix ms."""
    return f"lookout:rate:{key}"


def under_way(key: str) -> str:
    """Sorted set: requests of *key*, by when they are over at the latest, unix ms."""
    return f"lookout:rate:{key}:under-way"


def target(name: str) -> str:
    """Hash: what was delivered to a target and what was not; see `alerts.inbox`."""
    return f"lookout:target:{name}"


def deliveries(target: str) -> str:
    """Consumer group on ALERTS_LOG: what a target has not got yet."""
    return f"delivery:{target}"


def process(process_id: str) -> str:
    """Hash, the heartbeat of any of our processes; expires when it dies. See `bus.workers`."""
    return f"lookout:process:{process_id}"


def frame_topic(camera_id: str) -> bytes:
    """Descriptors. The closing slash keeps a subscriber of `cam1` from getting `cam10`."""
    return f"frame/{camera_id}/".encode()


def jpeg_topic(camera_id: str) -> bytes:
    """Descriptors followed by the picture as JPEG, for readers on other machines."""
    return f"jpeg/{camera_id}/".encode()
