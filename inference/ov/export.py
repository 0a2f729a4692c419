"""Which files of a model OpenVINO needs, and what to do with one that is not made for it. Pure."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from bus.errors import BadSettings
from inference.hub.name import HubModel
from inference.ov.settings import LANGUAGE_MODEL

NEEDED = ("openvino_*.xml", "openvino_*.bin", "*.json", "*.jinja")
TEXT_MODEL = "openvino_model.xml"


def needed(model: HubModel, files: Iterable[str]) -> list[str]:
    """Those of *files* that an engine reads; raise if it can do nothing with the model."""
    top = sorted(file for file in files if "/" not in file)
    if LANGUAGE_MODEL not in top:
        raise BadSettings(f"{model} is {_what(top)} {_advice(model, top)}")
    return [file for file in top if any(fnmatchcase(file, pattern) for pattern in NEEDED)]


def looks_whole(folder: Path) -> bool:
    """Whether what another tool has brought can be the whole of a model."""
    networks = list(folder.glob("openvino_*.xml"))
    wanted = [folder / LANGUAGE_MODEL, folder / "config.json"]
    wanted += [network.with_suffix(".bin") for network in networks]
    return all(file.is_file() for file in wanted)


def _what(files: Iterable[str]) -> str:
    if TEXT_MODEL in files:
        return f"a language model without eyes: it has no {LANGUAGE_MODEL}."
    return f"not in OpenVINO's form: it has no {LANGUAGE_MODEL}."


def _advice(model: HubModel, files: Iterable[str]) -> str:
    if TEXT_MODEL in files:
        return "Take a vision-language model of https://huggingface.co/OpenVINO, see docs/models.md"
    if any(file.endswith(".gguf") for file in files):
        return f"It is for llama.cpp: llamacpp:hf:{model.repository}"
    return (
        f"Export it: optimum-cli export openvino --model {model.repository} --weight-format int4"
        " FOLDER (it comes with `pip install optimum-intel[openvino]`), then openvino:FOLDER;"
        " or take one of https://huggingface.co/OpenVINO, see docs/models.md"
    )
