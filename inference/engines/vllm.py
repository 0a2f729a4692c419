"""
vLLM, started by Lookout: `vllm serve`.

    vllm:Qwen/Qwen2.5-VL-3B-Instruct?slots=16&context=8192

The model is a name on the hub of models or a path to a folder, which begins with / . or ~.
"""

import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from inference.engine import Engine
from inference.managed.engine import open_managed
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
    patient,
)
from inference.upstream.endpoint import VLLM

FORM = "vllm:Qwen/Qwen2.5-VL-3B-Instruct?slots=16"
HOW = "install vLLM (pip install vllm, in an environment of its own)"
PATHS = ("/", ".", "~")
OWNED = (
    *("--model", "--host", "--port", "--uds", "--api-key", "--served-model-name", "--root-path"),
    *("--max-num-seqs", "--max-model-len", "--limit-mm-per-prompt", "--config", "--grpc"),
    *("--gpu-memory-utilization", "--device-memory-utilization", "--headless"),
    *("--ssl-keyfile", "--ssl-certfile", "--api-server-count"),
)
PROGRESS = (
    Progress(re.compile(r"Starting to load model"), "loading the weights"),
    Progress(
        re.compile(r"Loading .*(?:shards|safetensors|loader).*?(\d+)%"), "loading the weights, {} %"
    ),
    Progress(re.compile(r"Time spent downloading weights"), "the weights are downloaded"),
    Progress(re.compile(r"Loading weights took|Model loading took"), "the weights are loaded"),
    Progress(
        re.compile(r"torch\.compile|Dynamo bytecode|[Cc]ompil\w+ (?:a|the) graph"), "compiling"
    ),
    Progress(
        re.compile(r"Available KV cache memory|GPU KV cache size"), "making room for requests"
    ),
    Progress(re.compile(r"Capturing CUDA graphs.*?(\d+)%"), "capturing graphs, {} %"),
    Progress(re.compile(r"Graph capturing finished|init engine"), "warming up"),
    Progress(re.compile(r"Starting vLLM server|Application startup complete"), "trying it"),
)
ADVICE = (
    Advice(
        re.compile(r"(?i)outgoing traffic has been disabled|offline mode|LocalEntryNotFound"),
        "the model is not on this machine: leave out download=0 once",
    ),
    Advice(
        re.compile(r"No available memory for the cache blocks|KV cache is needed, which is larger"),
        "there is no memory left for requests: lower context=, or raise gpu_memory_utilization=",
    ),
)


class VllmQuery(Query, frozen=True, forbid_unknown_fields=True):
    pictures: Count = 8  # in one request
    download: bool = True
    gpu_memory_utilization: Share | None = None


def identify(url: str) -> str:
    return recipe(url).model


@asynccontextmanager
async def open(url: str) -> AsyncGenerator[Engine]:
    async with open_managed(recipe(url)) as engine:
        yield engine


def recipe(url: str) -> Recipe:
    model, query = parse(url, VllmQuery, FORM)
    name = model
    if model.startswith(PATHS):
        folder = existing(model, "folder with a model")
        model, name = str(folder), folder.name
    name = query.id or name
    extra = more_arguments(query, OWNED)

    def command(port: int, key: str) -> list[str]:
        program = installed(query.program or "vllm", HOW)
        return [*(program, "serve", model), *extra, *_flags(query, name, port)]

    return Recipe(
        program="vllm",
        model=name,
        served=name,
        query=patient(query, fetches=query.download and not model.startswith("/")),
        dialect=VLLM,
        command=command,
        env=lambda key: _env(query, key),
        progress=PROGRESS,
        advice=ADVICE,
        from_hub=query.download,
        facts=lambda: {"context": query.context or "", "pictures_most": query.pictures},
    )


def _flags(query: VllmQuery, name: str, port: int) -> list[str]:
    flags = {
        "--host": HOST,
        "--port": str(port),
        "--served-model-name": name,
        "--max-num-seqs": str(query.slots),
        "--limit-mm-per-prompt": json.dumps({"image": query.pictures}),
    }
    if query.context:
        flags["--max-model-len"] = str(query.context)
    if query.gpu_memory_utilization:
        flags["--gpu-memory-utilization"] = f"{query.gpu_memory_utilization:g}"
    return [word for flag in flags.items() for word in flag]


def _env(query: VllmQuery, key: str) -> Mapping[str, str]:
    """The key is not among the arguments, which every user of the machine can read."""
    env = {"VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1"}
    return env if query.download else {**env, "HF_HUB_OFFLINE": "1"}
