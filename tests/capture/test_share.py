"""How several processes divide cameras among them."""

import hypothesis.strategies as st
from hypothesis import given

from capture.share import choose

ids = [f"camera{number}" for number in range(9)]
owners = st.dictionaries(st.sampled_from(ids), st.sampled_from(["", "us", "them", "others"]))


def test_one_process_takes_all() -> None:
    assert choose(dict.fromkeys(ids, ""), "us", 1, set()) == set(ids)


def test_a_process_takes_no_more_than_its_share() -> None:
    assert len(choose(dict.fromkeys(ids, ""), "us", 2, set())) == 5


def test_an_orphan_is_taken_beyond_the_share() -> None:
    held = {"camera0": "us", "camera1": "us", "camera2": "them", "camera3": ""}
    assert "camera3" not in choose(held, "us", 2, set())
    assert "camera3" in choose(held, "us", 2, {"camera3"})


def test_of_a_surplus_one_is_given_up() -> None:
    held = dict.fromkeys(ids[:4], "us")
    assert len(choose(held, "us", 2, set())) == 3
    assert len(choose(held, "us", 1, set())) == 4


@given(owners, st.integers(1, 4))
def test_nothing_of_others_is_taken_and_there_is_room_for_every_camera(
    held: dict[str, str], processes: int
) -> None:
    chosen = choose(held, "us", processes, set())
    assert all(held[camera] in ("", "us") for camera in chosen)
    if "" in held.values() and not any(held.values()):
        share = max(len(choose(held, f"process{n}", processes, set())) for n in range(processes))
        assert share * processes >= len(held)
