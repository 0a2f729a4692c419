"""A model that will not fit is refused with a sentence, before anything is loaded."""

from pathlib import Path

import pytest

from bus.errors import BadSettings
from inference.ov.memory import available, check, need
from inference.ov.settings import LANGUAGE_MODEL, parse

GB = 10**9
EIGHT_BITS = '<data element_type="u8" shape="2, 2"/>'


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Its weights are a terabyte of nothing."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / LANGUAGE_MODEL).write_text(EIGHT_BITS)
    (folder / "config.json").write_text("{}")
    with (folder / LANGUAGE_MODEL).with_suffix(".bin").open("wb") as file:
        file.truncate(1000 * GB)
    return folder


def system(folder: Path, group: str = "/", **files: str) -> tuple[Path, Path]:
    """`/proc` and `/sys/fs/cgroup` of a machine with 8 GB free; *files* of the group, by name."""
    proc, cgroups = folder / "proc", folder / "cgroups"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable:    8000000 kB\n")
    (proc / "self" / "cgroup").write_text(f"0::{group}\n")
    for name, text in files.items():
        file = cgroups / group.strip("/") / name.replace("__", "/").replace("_max", ".max")
        file = file.with_name(file.name.replace("_current", ".current").replace("_stat", ".stat"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return proc, cgroups


def test_a_model_that_does_not_fit_is_refused(model: Path) -> None:
    with pytest.raises(BadSettings, match=r"needs about 1200\.3 GB .* check_memory=off"):
        check(parse(f"openvino:{model}"))


@pytest.mark.parametrize("query", ["check_memory=off", "check_memory=0", "device=GPU"])
def test_it_is_tried_all_the_same_if_one_says_so(model: Path, query: str) -> None:
    check(parse(f"openvino:{model}?{query}"))


def test_halves_need_more_than_small_weights(model: Path) -> None:
    small = need(parse(f"openvino:{model}"))
    (model / LANGUAGE_MODEL).write_text(EIGHT_BITS.replace("u8", "f16"))
    assert need(parse(f"openvino:{model}")) > 2 * small


def test_the_cache_that_was_asked_for_counts(model: Path) -> None:
    plain = need(parse(f"openvino:{model}"))
    assert need(parse(f"openvino:{model}?cache_gb=2")) == plain + 2 * GB


def test_the_demo_model_fits_everywhere() -> None:
    demo = Path(__file__).parents[2] / "models" / "demo"
    assert need(parse(f"openvino:{demo}")) < GB / 2


def test_the_narrowest_limit_counts(tmp_path: Path) -> None:
    free = 8_000_000 * 1024
    assert available(*system(tmp_path / "none")) == free
    wide = {"memory_max": "max", "memory_current": "1"}
    assert available(*system(tmp_path / "wide", **wide)) == free
    narrow = {"memory_max": str(2 * GB), "memory_current": str(GB)}
    stat = "anon 5\ninactive_file 100\nactive_file 20\n"
    assert available(*system(tmp_path / "narrow", "/a/b", **narrow, memory_stat=stat)) == GB + 120
    assert available(tmp_path / "no", tmp_path / "where") is None


def test_older_systems_keep_their_limits_elsewhere(tmp_path: Path) -> None:
    proc, cgroups = system(tmp_path)
    (cgroups / "memory").mkdir(parents=True)
    (cgroups / "memory" / "memory.limit_in_bytes").write_text(str(GB))
    (cgroups / "memory" / "memory.usage_in_bytes").write_text("1000\n")
    (cgroups / "memory" / "memory.stat").write_text("total_inactive_file 10\n")
    assert available(proc, cgroups) == GB - 990
