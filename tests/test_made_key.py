"""The key that a stack makes: one, whole, and its owner's alone; who finds it, and who does not."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bus.errors import BadSettings
from compose import keys
from compose.settings import LocalSettings

NAMED = "a-key-with-a-name-" + "n" * 20


def test_however_many_make_it_there_is_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(keys.make, [str(tmp_path)] * 8))
    assert made.count(True) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["api-key"]
    (key,) = keys.kept(LocalSettings(data_dir=str(tmp_path)))
    assert key.secret.startswith("lk-")
    assert stat.S_IMODE(keys.kept_at(str(tmp_path)).stat().st_mode) == 0o600


def test_a_key_that_cannot_be_kept_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"LOOKOUT_DATA_DIR.*api-key"):
        keys.make(str(tmp_path / "missing"))


@pytest.mark.parametrize(
    ("settings", "processes"),
    [
        ({"host": "0.0.0.0"}, {"api", "preview"}),
        ({"host": "0.0.0.0", "preview_port": 0}, {"api"}),
        ({"preview_host": "0.0.0.0"}, {"preview"}),
        ({"host": "0.0.0.0", "preview_host": "127.0.0.1"}, {"api"}),
        ({"host": "0.0.0.0", "auth": "off"}, set()),
        ({"host": "0.0.0.0", "api_keys": (NAMED,)}, set()),
        ({}, set()),
    ],
)
def test_it_is_made_for_what_listens_beyond_this_machine(
    tmp_path: Path, settings: dict[str, object], processes: set[str]
) -> None:
    whole = LocalSettings(data_dir=str(tmp_path), **settings)  # type: ignore[arg-type]
    keys.see_to(whole)
    assert keys.kept_at(str(tmp_path)).exists() == bool(processes)
    told = {name for name in ("api", "preview", "capture") if keys.told(whole, name)}
    assert told == processes


def test_it_is_shown_when_it_is_new_and_then_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = LocalSettings(data_dir=str(tmp_path), host="0.0.0.0")
    keys.see_to(settings)
    (key,) = keys.kept(settings)
    assert key.secret in capsys.readouterr().err
    keys.see_to(settings)
    again = capsys.readouterr().err
    assert str(tmp_path / "api-key") in again
    assert key.secret not in again


def test_no_key_of_this_machine_goes_to_another_one(tmp_path: Path) -> None:
    env = {"LOOKOUT_DATA_DIR": str(tmp_path)}
    keys.make(str(tmp_path))
    for server in ("http://192.168.1.5:9000", "https://lookout.example", "nonsense", ""):
        assert keys.key_for(server, None, env) is None
    for server in ("http://127.0.0.1:9000", "http://localhost:1", "http://[::1]:9000"):
        assert (keys.key_for(server, None, env) or "").startswith("lk-")
    assert keys.key_for("http://127.0.0.1:9000", NAMED, env) == NAMED


@pytest.mark.parametrize("text", ["a b", "a\nb", "schlüssel"])
def test_what_no_header_can_hold_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadSettings, match="LOOKOUT_API_KEY") as raised:
        keys.key_for("http://127.0.0.1:9000", text)
    assert text not in str(raised.value)
