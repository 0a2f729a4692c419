"""
llama.cpp, started by Lookout: `llama-server`.

    llamacpp:/models/model.gguf?mmproj=/models/mmproj.gguf&slots=4
    llamacpp:hf:ggml-org/SmolVLM-500M-Instruct-GGUF:Q8_0

Without its projector (`mmproj`) a model takes no pictures; from the hub both come together.
"""

import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from msgspec import Meta

from bus.errors import BadSettings
from inference.engine import Engine
from inference.managed.engine import open_managed
from inference.managed.recipe import (
    HOST,
    Advice,
    Count,
    Progress,
    Query,
    Recipe,
    existing,
    installed,
    more_arguments,
    parse,
    patient,
)
from inference.upstream.endpoint import LLAMACPP

FORM = "llamacpp:/path/to/model.gguf?mmproj=/path/to/mmproj.gguf, or llamacpp:hf:USER/REPO"
HOW = "install llama.cpp so that llama-server is on the PATH"
HUB = "hf:"
CONTEXT = 4096  # tokens; what a model was made for may need more memory than there is
OWNED = (
    *("-m", "--model", "-mu", "--model-url", "-hf", "-hfr", "--hf-repo", "-mm", "--mmproj"),
    *("--host", "--port", "--api-key", "--api-key-file", "-a", "--alias", "--api-prefix"),
    *("-c", "--ctx-size", "-np", "--parallel", "-t", "--threads", "--offline"),
    *("-ngl", "--gpu-layers", "--n-gpu-layers", "--ssl-key-file", "--ssl-cert-file"),
    *("--jinja", "--no-jinja", "--ui", "--webui", "--no-ui", "--no-webui", "--embedding"),
)
PROGRESS = (
    Progress(re.compile(r"loading model '"), "loading the model"),
    Progress(re.compile(r"load_tensors"), "loading the weights"),
    Progress(re.compile(r"loaded multimodal model"), "the projector is loaded"),
    Progress(re.compile(r"n_slots = \d+"), "making room for requests"),
    Progress(re.compile(r"warming up"), "warming up"),
    Progress(re.compile(r"model loaded"), "trying it"),
)
ADVICE = (
    Advice(
        re.compile(r"failed to load model,? ''|get_repo_commit: error"),
        "the model could not be fetched: look at its name, and whether download=0 forbids it"
        " or this machine does not reach the hub",
    ),
    Advice(re.compile(r"error: invalid argument: (\S+)"), "it knows no argument {}"),
)


class LlamaQuery(Query, frozen=True, forbid_unknown_fields=True):
    slots: Count = 4
    context: Annotated[int, Meta(ge=1)] = CONTEXT
    mmproj: str = ""
    download: bool = True
    threads: Annotated[int, Meta(ge=0)] = 0  # 0: one less than there are processors
    gpu_layers: str = ""  # a number, `auto` or `all`


def identify(url: str) -> str:
    return recipe(url).model


@asynccontextmanager
async def open(url: str) -> AsyncGenerator[Engine]:
    async with open_managed(recipe(url)) as engine:
        yield engine


def recipe(url: str) -> Recipe:
    model, query = parse(url, LlamaQuery, FORM)
    name, where = _model(model, query)
    name = query.id or name
    if "," in name:
        raise BadSettings(f"llama-server takes no comma in a name: say id= in place of {name!r}")
    extra = more_arguments(query, OWNED)
    fetches = model.startswith(HUB) and query.download

    def command(port: int, key: str) -> list[str]:
        program = installed(query.program or "llama-server", HOW)
        return [program, *where, *extra, *_flags(query, name, port)]

    return Recipe(
        program="llama-server",
        model=name,
        served=name,
        query=patient(query, fetches=fetches),
        dialect=LLAMACPP,
        command=command,
        env=lambda key: {"LLAMA_API_KEY": key},
        progress=PROGRESS,
        advice=ADVICE,
        from_hub=fetches,
        facts=lambda: {"context": query.context},
    )


def _model(model: str, query: LlamaQuery) -> tuple[str, list[str]]:
    """The model's name, and the arguments that say where it is."""
    if model.startswith(HUB):
        repository = model.removeprefix(HUB)
        if repository.count("/") != 1:
            raise BadSettings(
                f"bad model {model!r}: write it as hf:USER/REPO or hf:USER/REPO:Q4_K_M"
            )
        name = repository
        where = ["-hf", repository]
    else:
        file = existing(model, "GGUF file")
        name = file.stem
        where = ["--model", str(file)]
    if query.mmproj:
        where += ["--mmproj", str(existing(query.mmproj, "projector"))]
    return name, where


def _flags(query: LlamaQuery, name: str, port: int) -> list[str]:
    flags = {
        "--host": HOST,
        "--port": str(port),
        "--alias": name,
        "--parallel": str(query.slots),
        "--ctx-size": str(query.context * query.slots),  # it divides that among its slots
        "--threads": str(query.threads or max(1, (os.cpu_count() or 2) - 1)),
    }
    if query.gpu_layers:
        flags["--gpu-layers"] = query.gpu_layers
    words = [word for flag in flags.items() for word in flag]
    return [*words, "--jinja", "--no-webui", *([] if query.download else ["--offline"])]
