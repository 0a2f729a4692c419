"""What an MLC model's own files say, and where the program keeps what it fetches. Reads only."""

import os
import re
from pathlib import Path

import msgspec

from bus.errors import BadSettings
from inference.managed.recipe import existing

CONFIG = "mlc-chat-config.json"
HUB = "HF://"
QUANTIZATION = "q4f16_1"
QUANTIZED = re.compile(r"-(q\d\w+)-MLC$")
SEEING = ("llava", "phi3_v")  # the kinds of models that are built in with their eyes


class Inner(msgspec.Struct, frozen=True):
    vision_config: msgspec.Raw | None = None


class Card(msgspec.Struct, frozen=True):
    """What interests us of a model's `mlc-chat-config.json`."""

    model_type: str = ""
    quantization: str = ""
    context_window_size: int = 0
    prefill_chunk_size: int = 0
    model_config: Inner = Inner()

    @property
    def sees(self) -> bool:
        return self.model_type in SEEING or self.model_config.vision_config is not None


def home(setting: str) -> Path:
    """Where MLC keeps weights that were downloaded and what it has compiled."""
    data = os.environ.get("LOOKOUT_DATA_DIR") or "~/.local/share/lookout"
    return Path(setting or os.environ.get("MLC_LLM_HOME") or f"{data}/mlc").expanduser()


def located(model: str, quantization: str) -> tuple[str, str]:
    """The model as the program is to be told, and its name."""
    if not model.startswith(HUB):
        folder = existing(model, "folder with an MLC model")
        card = read(folder)
        if quantization and quantization != card.quantization:
            raise BadSettings(f"{folder} is quantized as {card.quantization}, not {quantization}")
        return str(folder), folder.name
    repository = model.removeprefix(HUB).rstrip("/")
    if repository.count("/") != 1:
        raise BadSettings(f"bad model {model!r}: write it as {HUB}mlc-ai/MODEL")
    said = QUANTIZED.search(repository)
    if said and quantization and quantization != said[1]:
        raise BadSettings(f"{repository} is quantized as {said[1]}, not {quantization}")
    if not said:
        repository += f"-{quantization or QUANTIZATION}-MLC"
    return f"{HUB}{repository}", repository.partition("/")[2]


def folder_of(served: str, kept_in: Path) -> Path:
    """Where the model's files are, or will be once they are downloaded."""
    if not served.startswith(HUB):
        return Path(served)
    return kept_in / "model_weights" / "hf" / served.removeprefix(HUB)


def read(folder: Path) -> Card:
    try:
        return msgspec.json.decode((folder / CONFIG).read_bytes(), type=Card)
    except FileNotFoundError:
        raise BadSettings(f"no MLC model in {folder}: there is no {CONFIG}") from None
    except (OSError, msgspec.DecodeError) as error:
        raise BadSettings(f"cannot read {folder / CONFIG}: {error}") from error
