"""What a URL starts: the command lines that the programs document, and what is refused before."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from bus.errors import BadSettings
from inference.engine import engine_module
from inference.engines import llamacpp, mlc, vllm
from inference.managed.heard import LINES, LONGEST, Heard
from inference.managed.recipe import Recipe
from inference.managed.surroundings import environment, reserved_port
from inference.supervised import Note
from tests.inference.mlc_models import make_model

PROGRAMS = Path(__file__).with_name("programs")
ROOT = Path(__file__).parents[2]
QWEN = "vllm:Qwen/Qwen2.5-VL-3B-Instruct"


def command(recipe: Recipe) -> str:
    """With the port 9999 and the key KEY, less the program's path."""
    words = recipe.command(9999, "KEY")
    return " ".join([Path(words[0]).name, *words[1:]])


def started_on_path(url: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """How the stand-in that is found on the PATH was started, by a process of its own."""
    script = [sys.executable, "-c", ASK_ONCE, url]
    env = {
        **os.environ,
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "REDIS_URL": "redis://s3cret@h",
    }
    told = subprocess.run(
        script, cwd=ROOT, env={**env, "HF_TOKEN": "s3cret", "LOOKOUT_KEYS": "s3cret"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout == "ready\n"
    words, env = json.loads((folder / "command.json").read_text())
    return words, env


ASK_ONCE = """
import asyncio, sys
from inference.engine import engine_module
async def main(url):
    async with engine_module(url).open(url):
        print("ready")
asyncio.run(main(sys.argv[1]))
"""


def test_mlc_is_started_as_it_documents(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "Tiny-q4f16_1-MLC").folder
    library = tmp_path / "tiny.so"
    library.touch()
    url = f"mlc:{folder}?model_lib={library}&device=cuda:0&slots=3&context=4096&start_s=20"
    words, env = started_on_path(url, folder)
    port, key = words[words.index("--port") + 1], words[-1]
    assert words[1:] == [
        *("serve", str(folder), "--device", "cuda:0", "--model-lib", str(library)),
        *("--mode", "local", "--overrides"),
        "max_num_sequence=3;context_window_size=4096;prefill_chunk_size=2048",
        *("--host", "127.0.0.1", "--port", port, "--api-key", key),
    ]
    assert env["MLC_LLM_HOME"].endswith("lookout/mlc")
    assert "s3cret" not in env.values()


def test_vllm_is_started_as_it_documents(tmp_path: Path) -> None:
    folder = tmp_path / "qwen"
    folder.mkdir()
    url = f"vllm:{folder}?slots=16&context=8192&gpu_memory_utilization=0.8&download=0&start_s=20"
    words, env = started_on_path(url, folder)
    assert words[1:] == [
        *("serve", str(folder), "--host", "127.0.0.1", "--port", words[6]),
        *("--served-model-name", "qwen", "--max-num-seqs", "16"),
        *("--limit-mm-per-prompt", '{"image": 8}', "--max-model-len", "8192"),
        *("--gpu-memory-utilization", "0.8"),
    ]
    assert len(env["VLLM_API_KEY"]) == 48
    assert env["VLLM_API_KEY"] not in words
    assert env["HF_HUB_OFFLINE"] == env["VLLM_NO_USAGE_STATS"] == "1"
    assert "s3cret" not in env.values()


def test_llama_server_is_started_as_it_documents(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gguf"
    file.touch()
    url = f"llamacpp:{file}?mmproj={file}&slots=2&context=1024&threads=3&gpu_layers=all&start_s=20"
    words, env = started_on_path(url, tmp_path)
    assert words[1:] == [
        *("--model", str(file), "--mmproj", str(file), "--host", "127.0.0.1"),
        *("--port", words[8], "--alias", "tiny", "--parallel", "2", "--ctx-size", "2048"),
        *("--threads", "3", "--gpu-layers", "all", "--jinja", "--no-webui"),
    ]
    assert len(env["LLAMA_API_KEY"]) == 48
    assert env["LLAMA_API_KEY"] not in words


def test_a_model_of_the_hub_brings_its_token(tmp_path: Path) -> None:
    known = {"HF_TOKEN": "t", "https_proxy": "http://me:pw@proxy", "PATH": "/bin", "MY_KEY": "k"}
    assert environment(known, from_hub=False) == {"PATH": "/bin", "PYTHONUNBUFFERED": "1"}
    assert set(known) - set(environment(known, from_hub=True)) == {"MY_KEY"}
    assert vllm.recipe(QWEN).from_hub
    assert not vllm.recipe(f"{QWEN}?download=0").from_hub
    assert llamacpp.recipe("llamacpp:hf:a/b").from_hub
    assert not llamacpp.recipe("llamacpp:hf:a/b?download=0").from_hub


@pytest.mark.parametrize(
    ("url", "model"),
    [
        (QWEN, "Qwen/Qwen2.5-VL-3B-Instruct"),
        (f"{QWEN}?id=eyes", "eyes"),
        ("llamacpp:hf:ggml-org/SmolVLM-500M-Instruct-GGUF:Q8_0", None),
        ("mlc:HF://mlc-ai/Llama-3.2-1B-Instruct", "Llama-3.2-1B-Instruct-q4f16_1-MLC"),
        ("mlc:HF://mlc-ai/phi-3_5-vision?quantization=q0f16", "phi-3_5-vision-q0f16-MLC"),
        ("mlc:HF://mlc-ai/phi-3_5-vision-q4f16_1-MLC", "phi-3_5-vision-q4f16_1-MLC"),
    ],
)
def test_a_model_has_its_name_before_anything_is_loaded(url: str, model: str | None) -> None:
    assert engine_module(url).identify(url) == (model or url.removeprefix("llamacpp:hf:"))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("vllm:", "write it as vllm:Qwen/"),
        ("vllm://host/model", "write it as vllm:Qwen/"),
        (f"{QWEN}?slot=3", r"it may set id, slots, .*gpu_memory_utilization"),
        (f"{QWEN}?slots=0", "slots"),
        (f"{QWEN}?args=--port%201", "args: --port is set by Lookout"),
        (f"{QWEN}?args=--max_num_seqs%3D4", "args: --max_num_seqs is set by Lookout"),
        (f"{QWEN}?args=%22", "No closing quotation"),
        ("vllm:/nowhere/at/all", "there is no folder with a model /nowhere/at/all"),
        ("llamacpp:/nowhere.gguf", "there is no GGUF file /nowhere.gguf"),
        ("llamacpp:hf:nobody", "write it as hf:USER/REPO"),
        ("llamacpp:hf:a/b?mmproj=/nowhere", "there is no projector /nowhere"),
        ("llamacpp:hf:a/b?args=-c%201", "args: -c is set by Lookout"),
        ("llamacpp:hf:a/b?id=a,b", "no comma"),
        ("mlc:/nowhere", "there is no folder with an MLC model"),
        ("mlc:/tmp", "no MLC model in /tmp: there is no mlc-chat-config.json"),
        ("mlc:HF://one", "write it as HF://mlc-ai/MODEL"),
        ("mlc:HF://a/b-q0f16-MLC?quantization=q4f16_1", "quantized as q0f16, not q4f16_1"),
        ("mlc:HF://a/b?model_lib=/nowhere.so", "there is no compiled library /nowhere.so"),
        ("mlc:HF://a/b?vision=on&prefill_chunk_size=100", "must exceed a picture's 1921"),
    ],
)
def test_a_url_that_can_never_work_says_so(url: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        engine_module(url).identify(url)


@pytest.mark.parametrize(
    ("make", "url", "says"),
    [
        (vllm.recipe, QWEN, "there is no program 'vllm' here: install vLLM"),
        (llamacpp.recipe, "llamacpp:hf:a/b", "there is no program 'llama-server' here: install"),
        (mlc.recipe, "mlc:HF://a/b", "there is no program 'mlc_llm' here: install MLC-LLM"),
        (vllm.recipe, f"{QWEN}?program=/my/vllm", "there is no program '/my/vllm' here"),
    ],
)
def test_a_program_that_is_missing_says_how_to_install_it(
    make: Callable[[str], Recipe], url: str, says: str
) -> None:
    with pytest.raises(BadSettings, match=says):
        make(url).command(1, "k")


def test_mlc_may_live_in_another_python() -> None:
    words = command(mlc.recipe(f"mlc:HF://a/b?program={sys.executable}"))
    assert re.match(r"python\S* -m mlc_llm serve HF://a/b-q4f16_1-MLC --device auto ", words)


def test_further_arguments_come_before_ours() -> None:
    words = command(vllm.recipe(f"{QWEN}?args=--dtype%20half&program={sys.executable}"))
    assert " Qwen/Qwen2.5-VL-3B-Instruct --dtype half --host 127.0.0.1 --port 9999 " in words


def test_what_a_program_writes_is_bounded_and_tells_no_key() -> None:
    heard = Heard("m", "k3y", (), Note())
    for _ in range(200):
        heard.hear(b"a long line without an end " * 1000 + b"\xff\x00\x1b[31m k3y")
    heard.hear(b"\n" + b"\n".join(b"line %d k3y" % number for number in range(1000)) + b"\n")
    assert len(heard.lines) == LINES
    assert heard.lines[-1] == "line 999 ***"
    assert max(map(len, heard.lines)) <= LONGEST
    heard.hear(b"E fatal error: no memory\nbye\n")
    assert heard.last_words() == ["E fatal error: no memory"]


@pytest.mark.parametrize(
    ("engine", "line", "told"),
    [
        (mlc, "INFO download.py:88: [Git] Cloning HF://a/b to /c", "downloading HF://a/b"),
        (mlc, "\x1b[1mINFO\x1b[0m jit.py:128: Compiling using commands below:", "compiling"),
        (vllm, "Loading safetensors checkpoint shards:  50% Done", "loading the weights, 50 %"),
        (vllm, "Capturing CUDA graphs (PIECEWISE):  37%|##", "capturing graphs, 37 %"),
        (llamacpp, "0.26.896 I srv    load_model: loading model '/m.gguf'", "loading the model"),
    ],
)
def test_progress_is_told_in_our_words(engine: ModuleType, line: str, told: str) -> None:
    note = Note()
    heard = Heard("m", "k3y", engine.PROGRESS, note)
    extended = list[str]()
    heard.on_progress = lambda: extended.append(note.text)
    heard.hear(f"{line}\r{line}\n".encode())
    assert extended == [told]


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    with reserved_port() as first, reserved_port() as second:
        assert first != second
