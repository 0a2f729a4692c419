"""Keys as they are written, who is known by them, and where one is asked for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import BadSettings
from bus.keys import Keys, KeySettings, is_loopback, keys_for, keys_of
from bus.log import mask

ONE, OTHER = "lk-" + "a" * 43, "some-other-key-of-somebody"
HERE = ("127.0.0.1", "::1", "localhost", "127.8.9.10")
ELSEWHERE = ("0.0.0.0", "::", "", "192.168.1.5", "no such host", "x" * 300)


def keys(*written: str, file: Path | None = None) -> Keys:
    return keys_of(KeySettings(api_keys=written, api_keys_file=str(file) if file else ""))


def test_a_key_is_known_by_the_name_before_it() -> None:
    found = keys(f"kitchen={ONE}", OTHER, "YWJjZGVmZ2hpamtsbW5vcA==", "n8n=YWJjZGVmZ2hpamtsbW5=")
    assert found.owner(ONE) == "kitchen"
    assert found.owner("YWJjZGVmZ2hpamtsbW5=") == "n8n"
    unnamed = found.owner(OTHER), found.owner("YWJjZGVmZ2hpamtsbW5vcA==")
    assert all(name and name.startswith("key-") and len(name) == 12 for name in unnamed)
    assert len(set(unnamed)) == 2
    assert unnamed[0] == keys(OTHER).owner(OTHER)  # the same, wherever it stands


@given(st.text())
def test_nothing_but_the_key_itself_is_one(text: str) -> None:
    assert keys(ONE, f"x={OTHER}").owner(text) is None


def test_a_file_may_hold_them_with_comments(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# of the house\nkitchen={ONE}\n\n{OTHER}\n")
    assert [key.secret for key in keys(file=file).all] == [ONE, OTHER]


@pytest.mark.parametrize(
    "text",
    ["short", "a b=" + ONE, "=" + ONE, "anonymous=" + ONE, "name=short", "ü" * 40, "x" * 300],
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(BadSettings, match="LOOKOUT_API_KEYS") as raised:
        keys(text)
    assert text not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"# none\n", b"\xff\xfe", None])
def test_a_file_without_keys_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSettings, match=f"LOOKOUT_API_KEYS_FILE: {file}"):
        keys(file=file)


def test_only_what_this_machine_alone_reaches_is_loopback() -> None:
    assert [host for host in (*HERE, *ELSEWHERE) if is_loopback(host)] == list(HERE)


def test_beyond_this_machine_a_key_is_asked_for_and_here_where_one_is_named() -> None:
    named, open_door = KeySettings(api_keys=(ONE,)), KeySettings(api_keys=(ONE,), auth="off")
    for host in (*HERE, *ELSEWHERE):
        found = keys_for(named, host)
        assert found and found.owner(ONE)
        assert keys_for(open_door, host) is None
    for host in HERE:
        assert keys_for(KeySettings(), host) is None
    for host in ELSEWHERE:
        with pytest.raises(BadSettings, match=r"LOOKOUT_API_KEYS.*LOOKOUT_AUTH=off"):
            keys_for(KeySettings(), host)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"the key is {ONE}.", "the key is ***."),
        ("< Authorization: Bearer abc.def", "< Authorization: Bearer ***"),
        ("'authorization': 'bearer abc'", "'authorization': 'bearer ***'"),
        ("authorization: basic YTpi", "authorization: basic ***"),
        ("GET /v1/alerts/ws?access_token=abc&format=full", "GET /v1/alerts/ws?access_token=***&"),
        ("/x?a=1&token=abc HTTP/1.1", "/x?a=1&token=*** HTTP/1.1"),
        ("a monkey=1 and a basic lesson", "a monkey=1 and a basic lesson"),
    ],
)
def test_keys_are_masked_in_every_line_of_the_log(text: str, masked: str) -> None:
    assert mask(text).startswith(masked)
