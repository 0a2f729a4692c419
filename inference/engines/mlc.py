"""
MLC-LLM, started by Lookout: `python -m mlc_llm serve`.

    mlc:/models/my-model-q4f16_1-MLC?model_lib=/models/my-model.so&device=cuda:0
    mlc:HF://mlc-ai/Llama-3.2-1B-Instruct?download=1&jit=1

A local folder needs a compiled library. Nothing is downloaded or compiled unless the URL says
so; what was before is used.
"""

import re
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Literal

from bus.errors import BadSettings
from inference.engine import Engine
from inference.managed.engine import open_managed
from inference.managed.mlc_model import HUB, folder_of, home, located, read
from inference.managed.recipe import (
    HOST,
    Advice,
    Count,
    Progress,
    Query,
    Recipe,
    Share,
    existing,
    installed,
    more_arguments,
    parse,
)
from inference.upstream.endpoint import MLC

FORM = "mlc:/path/to/model?model_lib=/path/to/library.so, or mlc:HF://mlc-ai/MODEL?download=1"
HOW = "install MLC-LLM from its own wheels (docs/engines.md)"
MODULE = "mlc_llm"
PICTURE_TOKENS = 1921  # of the largest picture it knows, which must fit into one chunk
CHUNK = 2048
MOCK = "mock://"
OWNED = (
    *("--device", "--model-lib", "--mode", "--overrides", "--host", "--port", "--api-key"),
    *("--enable-debug", "--additional-models", "--embedding-model"),
)
PROGRESS = (
    Progress(re.compile(r"\[Git\] Cloning (\S+)"), "downloading {}"),
    Progress(re.compile(r"\[Git LFS\] Downloading (\S+\.\w+)"), "downloading {}"),
    Progress(re.compile(r"Downloaded \S+/(\S+) to"), "downloading, {} is there"),
    Progress(re.compile(r"Compiling using commands"), "compiling"),
    Progress(re.compile(r"Exporting the model to TVM"), "compiling: exporting the model"),
    Progress(re.compile(r"Running optimizations using TVM"), "compiling: optimizing"),
    Progress(re.compile(r"Generating code for (.*)"), "compiling: generating code for {}"),
    Progress(re.compile(r"Using (?:compiled|cached) model lib|Using library model"), "loading"),
    Progress(re.compile(r"The selected engine mode is|Weights already downloaded"), "loading"),
    Progress(re.compile(r"Application startup complete|Uvicorn running"), "trying it"),
)
ADVICE = (
    Advice(
        re.compile(r"JIT is disabled"),
        "the model is not compiled for this device: add jit=1 to have that done, or name a"
        " library with model_lib=",
    ),
    Advice(
        re.compile(r"MLC_DOWNLOAD_CACHE_POLICY="),
        "the model is not on this machine: add download=1 to fetch it",
    ),
    Advice(
        re.compile(r"unrecognized arguments: --api-key"),
        "this version is too old: Lookout needs one from March 2026 or later",
    ),
)


class MlcQuery(Query, frozen=True, forbid_unknown_fields=True):
    slots: Count = 4
    device: str = "auto"
    model_lib: str = ""
    mode: Literal["local", "interactive", "server"] = "local"
    quantization: str = ""  # of a model on the hub; q4f16_1 if its name has none
    prefill_chunk_size: Count = CHUNK
    gpu_memory_utilization: Share | None = None
    download: bool = False
    jit: bool = False
    json: bool = False  # whether it may be asked for JSON, which some builds hang on
    vision: Literal["auto", "on", "off"] = "auto"  # auto: as the model's kind says
    home: str = ""  # where it keeps what it downloads and compiles


def identify(url: str) -> str:
    return recipe(url).model


@asynccontextmanager
async def open(url: str) -> AsyncGenerator[Engine]:
    async with open_managed(recipe(url)) as engine:
        yield engine


def recipe(url: str) -> Recipe:
    model, query = parse(url, MlcQuery, FORM)
    served, name = located(model, query.quantization)
    library = _library(query)
    extra = more_arguments(query, OWNED)
    if query.vision == "on" and query.prefill_chunk_size <= PICTURE_TOKENS:
        raise BadSettings(f"prefill_chunk_size must exceed a picture's {PICTURE_TOKENS} tokens")
    kept_in = home(query.home)

    def facts() -> dict[str, object]:
        card = read(folder_of(served, kept_in))
        context = query.context or card.context_window_size
        return {"quantization": card.quantization, "context": context, "device": query.device}

    def sees() -> bool:
        if query.vision != "auto":
            return query.vision == "on"
        return read(folder_of(served, kept_in)).sees

    return Recipe(
        program="mlc_llm",
        model=query.id or name,
        served=served,
        query=query,
        dialect=MLC if query.json else replace(MLC, json="none"),
        command=lambda port, key: [
            *(*_program(query), "serve", served, *extra),
            *_flags(query, library, port, key),
        ],
        env=lambda key: _env(query, kept_in),
        progress=PROGRESS,
        advice=ADVICE,
        from_hub=served.startswith(HUB) and query.download,
        facts=facts,
        sees=sees,
        probes=False,  # what it cannot do makes some builds hang, so it is not tried out
    )


def _library(query: MlcQuery) -> str:
    if not query.model_lib or query.model_lib.startswith(MOCK):
        return query.model_lib
    return str(existing(query.model_lib, "compiled library"))


def _program(query: MlcQuery) -> list[str]:
    """MLC-LLM in this Python, else the one on the PATH; `program` may name either kind."""
    if not query.program and find_spec(MODULE):
        return [sys.executable, "-m", MODULE]
    path = installed(query.program or MODULE, HOW)
    return [path, "-m", MODULE] if Path(path).name.startswith("python") else [path]


def _flags(query: MlcQuery, library: str, port: int, key: str) -> list[str]:
    """The key must be an argument: the program reads it from nowhere else."""
    overrides = {
        "max_num_sequence": query.slots,
        "context_window_size": query.context or None,
        "prefill_chunk_size": query.prefill_chunk_size,
        "gpu_memory_utilization": query.gpu_memory_utilization,
    }
    flags = {
        "--device": query.device,
        "--model-lib": library,
        "--mode": query.mode,
        "--overrides": ";".join(f"{name}={v}" for name, v in overrides.items() if v is not None),
        "--host": HOST,
        "--port": str(port),
        "--api-key": key,
    }
    return [word for flag, value in flags.items() if value for word in (flag, value)]


def _env(query: MlcQuery, kept_in: Path) -> Mapping[str, str]:
    """READONLY uses what is there; OFF would refuse even that."""
    if query.download and not (which("git") and which("git-lfs")):
        raise BadSettings("download=1 needs git and git-lfs: install them")
    return {
        "MLC_JIT_POLICY": "ON" if query.jit else "READONLY",
        "MLC_DOWNLOAD_CACHE_POLICY": "ON" if query.download else "READONLY",
        "MLC_LLM_HOME": str(kept_in),
    }
