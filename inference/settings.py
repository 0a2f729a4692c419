"""Settings of the inference process."""

from pathlib import Path

from bus.settings import BusSettings

DEMO_MODEL = f"openvino:{Path(__file__).parents[1] / 'models' / 'demo'}"


class InferenceSettings(BusSettings, frozen=True, kw_only=True):
    model: str = DEMO_MODEL  # engine URL: which backend, which model
    frame_wait_s: float = 8.0  # how long a camera may take to give a fresh frame
