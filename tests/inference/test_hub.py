"""Models by their names on the hub: fetched once, whole, from a real server that misbehaves."""

import asyncio
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from bus.errors import BadSettings, EngineError, LookoutError
from bus.messages import Delta, Sampling
from capture.demo.dice import Dice
from capture.demo.random_scene import random_scene
from capture.demo.render import Renderer
from compose.ports import free_port
from inference.engine import Turn, engine_module
from inference.engines.openvino import identify, open
from inference.hub.cache import Cached, root
from inference.hub.name import HubModel, parse_name
from inference.ov.place import on_disk
from inference.ov.settings import LANGUAGE_MODEL, parse
from inference.supervised import NOTE, Note
from tests.conftest import Run
from tests.inference.hub_server import COMMIT, REPOSITORY, Faults, Hub, files_of, serving
from tests.stack import descendants
from tests.waiting import until

DEMO = Path(__file__).parents[2] / "models" / "demo"
URL = f"openvino:{REPOSITORY}"
WEIGHTS = "openvino_language_model.bin"
SECRET = "hf_verysecret"
USELESS = {
    ".gitattributes": b"*.bin filter=lfs",
    "README.md": b"# Tiny",
    "model.safetensors": bytes(1 << 16),
    "pytorch_model.bin": bytes(1 << 16),
    "onnx/model.json": b"{}",
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
        monkeypatch.delenv(name)
    with serving({**files_of(DEMO), **USELESS}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield hub


@pytest.fixture
def cached(hub: Hub) -> Cached:
    return Cached(root(os.environ), HubModel(REPOSITORY))


def get(url: str = URL) -> Path:
    """The folder of the model, fetched if need be."""

    async def bounded() -> str:
        async with asyncio.timeout(40):
            return await on_disk(url)

    return parse(asyncio.run(bounded())).path


def fails(kind: type[LookoutError], says: str, url: str = URL) -> str:
    with pytest.raises(kind, match=says) as caught:
        get(url)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def is_demo(folder: Path) -> bool:
    files = files_of(DEMO)
    del files["README.md"]
    return files_of(folder) == files


def test_a_model_of_the_hub_answers_and_is_fetched_once(hub: Hub, run: Run) -> None:
    picture = Renderer(640, 360).render(random_scene(Dice(4), count=1, night=False))

    async def told() -> str:
        async with open(f"{URL}?slots=3") as engine:
            assert engine.slots == 3
            turns = [Turn("user", (picture, "Describe the scene."))]
            async with aclosing(engine.generate(turns, Sampling())) as events:
                return "".join([event.text async for event in events if isinstance(event, Delta)])

    async def scenario() -> None:
        assert await told() == "A yellow truck on the left, in daylight."
        assert hub.asked
        hub.asked.clear()
        assert await told() == "A yellow truck on the left, in daylight."
        assert hub.asked == []

    run(scenario())


def test_it_is_known_by_its_name_before_it_is_here(hub: Hub) -> None:
    assert identify(URL) == "tiny-ov"
    assert identify(f"{URL}@v1.0?slots=2") == "tiny-ov"
    assert identify(f"{URL}?id=eyes") == "eyes"
    with pytest.raises(BadSettings, match="slot"):
        identify(f"{URL}?slot=2")
    assert hub.asked == []


def test_only_what_is_needed_is_fetched(hub: Hub, cached: Cached) -> None:
    folder = get()
    assert is_demo(folder)
    assert folder == cached.folder / "snapshots" / COMMIT
    assert not [line for line in hub.asked for name in USELESS if name in line]
    assert not list(cached.folder.glob("blobs/*.incomplete"))


def test_a_folder_is_a_folder_even_if_its_name_could_be_one_of_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "maker").mkdir()
    (tmp_path / REPOSITORY).symlink_to(DEMO)
    monkeypatch.chdir(tmp_path)
    assert get() == DEMO
    assert hub.asked == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("OpenVINO/InternVL2-1B-int4-ov", ("OpenVINO/InternVL2-1B-int4-ov", "main")),
        ("a/b@refs/pr/1", ("a/b", "refs/pr/1")),
        (f"a/b@{COMMIT}", ("a/b", COMMIT)),
        *((text, None) for text in ("b", "/a/b", "./a", "~/b", "a/b/c", "a/../b", "a/b@", "")),
        *((text, None) for text in ("a/b@../../c", "a b/c", "../b", "a/b@-x")),
    ],
)
def test_names_are_told_from_paths(text: str, named: tuple[str, str] | None) -> None:
    assert parse_name(text) == (named and HubModel(*named))


@pytest.mark.parametrize(
    "faults",
    [
        Faults(cut_at=1 << 19, cuts=4),
        Faults(cut_at=0, cuts=2),
        Faults(cut_at=1 << 21, cuts=2, ignores_ranges=True),
    ],
)
def test_a_broken_connection_is_taken_up_again(hub: Hub, faults: Faults) -> None:
    hub.faults = faults
    assert is_demo(get())
    assert faults.cuts == 0
    if not faults.ignores_ranges:
        assert hub.sent == sum(file.stat().st_size for file in DEMO.glob("openvino_*.bin"))


def test_a_connection_that_falls_silent_is_made_anew(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "0.5")
    hub.faults = Faults(cut_at=1 << 19, cuts=1, stalls=True)
    assert is_demo(get())
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "soon")
    fails(BadSettings, "HF_HUB_DOWNLOAD_TIMEOUT", f"{URL}@v2")


def downloads() -> list[int]:
    """The processes that fetch models; a stack of other tests may run beside them."""
    return [
        pid
        for pid in descendants(os.getpid())
        if b"inference.ov.fetch" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_a_download_that_was_ended_is_continued(hub: Hub, cached: Cached, run: Run) -> None:
    hub.faults.holds_at = 2 << 20

    async def scenario() -> None:
        note = Note()
        NOTE.set(note)
        fetching = asyncio.create_task(on_disk(URL))
        parts = partial(cached.folder.glob, "blobs/*.incomplete")
        while hub.sent < hub.faults.holds_at or not any(part.stat().st_size for part in parts()):
            await asyncio.sleep(0.01)
        while "downloading the model: " not in note.text:
            await asyncio.sleep(0.01)
        fetching.cancel()
        await asyncio.wait((fetching,))
        assert note.text == ""
        assert downloads() == []

    run(scenario())
    (part,) = cached.folder.glob("blobs/*.incomplete")
    here = part.stat().st_size
    hub.faults.holds_at = 0
    hub.go_on.set()
    assert is_demo(get())
    assert hub.asked_for(f"bytes={here}-")


def test_a_download_whose_program_is_killed_is_an_error_that_says_so(hub: Hub, run: Run) -> None:
    hub.faults.holds_at = 1

    async def scenario() -> None:
        fetching = asyncio.create_task(on_disk(URL))
        while not hub.sent:
            await asyncio.sleep(0.01)
        (pid,) = downloads()
        os.kill(pid, 9)
        with pytest.raises(EngineError, match=r"died.*MB lie in"):
            await fetching

    run(scenario())


def test_what_is_not_what_the_hub_says_is_thrown_away(hub: Hub, cached: Cached) -> None:
    hub.faults.garbled = 1
    assert is_demo(get())
    for blob in cached.folder.glob("blobs/*"):
        blob.unlink()
    hub.faults.garbled = 2
    fails(EngineError, "not what the hub says")
    assert not cached.whole()
    assert is_demo(get())


def test_a_file_that_was_damaged_here_is_fetched_again(hub: Hub) -> None:
    weights = get() / WEIGHTS
    weights.resolve().write_bytes(b"short")
    hub.asked.clear()
    assert is_demo(get())
    assert len(hub.asked_for(WEIGHTS)) == 2  # the hub, and where it sends us


def test_two_processes_fetch_a_model_once(hub: Hub, run: Run) -> None:
    async def scenario() -> None:
        one, other = await asyncio.gather(on_disk(URL), on_disk(URL))
        assert one == other

    run(scenario())
    assert len(hub.asked_for(f"resolve/{COMMIT}/{WEIGHTS}")) == 1


@pytest.mark.parametrize(
    ("faults", "kind", "says"),
    [
        (Faults(token="x"), BadSettings, r"knows no model maker/tiny-ov.* HF_TOKEN must be set"),
        (Faults(gated=True), BadSettings, r"is gated: accept its terms, then set HF_TOKEN"),
        (Faults(size=10**15), BadSettings, r"needs 1\d{10} MB more.* HF_HOME"),
        (Faults(status=503), EngineError, r"127\.0\.0\.1 answers 503 .*nothing of it lies in"),
        (Faults(body="<html>"), EngineError, r"no hub of models"),
        (Faults(body='{"sha": "../x"}'), EngineError, r"no hub of models"),
    ],
)
def test_what_is_wrong_is_said(
    hub: Hub, faults: Faults, kind: type[LookoutError], says: str
) -> None:
    hub.faults = faults
    fails(kind, says)


def test_an_unknown_model_or_revision_is_named(hub: Hub) -> None:
    fails(BadSettings, "knows no model maker/other, and no such folder", "openvino:maker/other")
    fails(BadSettings, "maker/tiny-ov has no revision v9", f"{URL}@v9")


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("model.safetensors",), "optimum-cli export openvino --model maker/tiny-ov"),
        (("model-Q4.gguf",), "llamacpp:hf:maker/tiny-ov"),
        (("openvino_model.xml",), "a language model without eyes"),
        ((f"int4/{LANGUAGE_MODEL}",), "not in OpenVINO's form"),
    ],
)
def test_a_model_of_another_form_says_how_to_get_there(
    hub: Hub, files: tuple[str, ...], says: str
) -> None:
    hub.files = dict.fromkeys(files, b"x")
    fails(BadSettings, says)
    assert not hub.asked_for("resolve")


def test_the_token_is_shown_to_the_hub_alone(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.faults.token = SECRET
    monkeypatch.setenv("HF_TOKEN", SECRET)
    hub.faults.gated = True
    told = fails(BadSettings, "owner of the token in HF_TOKEN has not accepted")
    hub.faults.gated = False
    get()
    assert hub.tokens == {"hub": {f"Bearer {SECRET}"}, "store": {""}}
    captured = capfd.readouterr()
    assert SECRET not in told + caplog.text + captured.out + captured.err


def test_the_token_of_who_has_logged_in_is_used(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    hub.faults.token = SECRET
    assert is_demo(get())


def test_the_log_says_what_is_fetched_and_whither(
    hub: Hub, cached: Cached, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    get()
    assert f"model fetching name={REPOSITORY} commit={COMMIT} files=18 size_mb=" in caplog.text
    assert f"folder={cached.folder}" in caplog.text


def test_the_documented_models_are_named_as_engines_understand_them() -> None:
    text = (DEMO.parents[1] / "docs" / "models.md").read_text()
    urls = re.findall(r"lookout up --model (\S+?)`", text)
    assert len(urls) > 10
    for url in urls:
        assert engine_module(url).identify(url)


@pytest.mark.parametrize("off", ["?download=off", "?download=0", "HF_HUB_OFFLINE"])
def test_what_may_not_be_fetched_is_not_asked_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    if off.startswith("?"):
        fails(BadSettings, r"is not here, and download=.* nothing of it lies in", URL + off)
    else:
        monkeypatch.setenv(off, "1")
        fails(BadSettings, "HF_HUB_OFFLINE forbids")
    assert hub.asked == []


def test_without_a_network_what_is_here_is_said(
    hub: Hub, cached: Cached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    fails(EngineError, r"cannot reach 127\.0\.0\.1: .*refused; nothing of it lies in")


def test_what_another_tool_has_fetched_is_taken(
    hub: Hub, cached: Cached, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot = cached.folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for file in DEMO.iterdir():
        (snapshot / file.name).symlink_to(file)
    (cached.folder / "refs").mkdir()
    (cached.folder / "refs" / "main").write_text(COMMIT)
    assert get(f"{URL}?download=off") == snapshot
    assert "model not checked" in caplog.text
    (snapshot / WEIGHTS).unlink()
    fails(BadSettings, "download=off", f"{URL}?download=off")


def test_a_cache_that_cannot_be_written_says_what_to_set(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
    fails(EngineError, r"cannot keep models in .*HF_HOME")


def test_a_pinned_commit_needs_no_branch(hub: Hub, cached: Cached) -> None:
    url = f"{URL}@{COMMIT}"
    assert is_demo(get(url))
    assert not (cached.folder / "refs").exists()
    hub.asked.clear()
    assert is_demo(get(url))
    assert hub.asked == []


def test_a_stack_says_how_far_its_model_is_then_answers(hub: Hub, tmp_path: Path) -> None:
    hub.faults = Faults(holds_at=2 << 20)
    with starting(tmp_path, URL) as url, httpx.Client(base_url=url) as client:
        until(lambda: reached(client, r"downloading the model: [\d.]+ of [\d.]+ MB", 503))
        hub.go_on.set()
        until(lambda: reached(client, "", 200))
        asked = {"model": "tiny-ov", "messages": [{"role": "user", "content": "Describe."}]}
        answer = client.post("/v1/chat/completions", json=asked, timeout=60).json()
        assert answer["choices"][0]["message"]["content"]


@contextmanager
def starting(folder: Path, model: str) -> Iterator[str]:
    """The URL of a stack that is not ready yet."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "lookout", "up", "--model", model, "--port", str(port)),
        *("--data-dir", str(folder / "data"), "--run-dir", str(folder / "run")),
        *("--preview-port", "0"),
    ]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=15)


def reached(client: httpx.Client, says: str, status: int) -> bool:
    try:
        answer = client.get("/health/ready")
    except httpx.TransportError:  # it does not listen yet
        return False
    return answer.status_code == status and bool(re.search(says, answer.text))
