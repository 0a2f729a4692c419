"""What players get, byte by byte."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from preview import rtcp
from preview.rtp import (
    PAYLOAD_BYTES,
    has_key,
    nal_units,
    packets,
    parameter_sets,
    payloads,
    unit_of,
)
from preview.sdp import Video, describe

# A NAL unit neither ends with a zero nor has a start code in it.
BODIES = st.binary(max_size=60).map(lambda data: data.replace(b"\0", b"\1") + b"\x80")
UNITS = st.builds(
    lambda head, body, times: bytes([head]) + body * times,
    st.sampled_from([0x67, 0x68, 0x65, 0x41, 0x06]),
    BODIES,
    st.sampled_from([1, 20, 100, 300]),
)


def joined(pieces: list[bytes]) -> list[bytes]:
    """The NAL units again, as RFC 6184 has it."""
    units = list[bytes]()
    for piece in pieces:
        assert len(piece) <= PAYLOAD_BYTES
        if piece[0] & 0x1F != 28:
            units.append(piece)
        elif piece[1] & 0x80:
            units.append(bytes([piece[0] & 0xE0 | piece[1] & 0x1F]) + piece[2:])
        else:
            units[-1] += piece[2:]
    return units


@given(st.lists(UNITS, max_size=5))
def test_a_picture_is_the_same_after_its_journey(units: list[bytes]) -> None:
    stream = b"".join(b"\0\0\0\1"[place % 2 :] + unit for place, unit in enumerate(units))
    assert nal_units(stream) == units
    assert joined(list(payloads(units))) == units
    assert has_key(units) == any(unit[0] == 0x65 for unit in units)
    assert parameter_sets(units) == [unit for unit in units if unit[0] in (0x67, 0x68)]


@given(st.lists(UNITS, min_size=1, max_size=3), st.integers(0, 0xFFFF), st.integers(0, 2**40))
def test_packets_are_numbered_and_the_last_of_a_picture_is_marked(
    units: list[bytes], first: int, tick: int
) -> None:
    unit = unit_of(b"".join(b"\0\0\1" + one for one in units), tick, 0.0)
    sent = packets(unit, first, tick, 7)
    heads = [struct.unpack_from("!BBHII", packet) for packet in sent]
    assert [head[2] for head in heads] == [(first + n) & 0xFFFF for n in range(len(sent))]
    assert {(head[0], head[3], head[4]) for head in heads} == {(0x80, tick & 0xFFFFFFFF, 7)}
    assert [head[1] >> 7 for head in heads] == [0] * (len(sent) - 1) + [1]
    assert sum(len(packet) - 12 for packet in sent) == unit.size


@given(st.floats(0, 4e9), st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_report_tells_when_a_picture_was_captured(at: float, timestamp: int, octets: int) -> None:
    data = rtcp.report(rtcp.Sent(9, 3, octets), at, timestamp)
    _, kind, words, ssrc, seconds, fraction, rtp = struct.unpack_from("!BBHIIII", data)
    assert (kind, ssrc, rtp) == (200, 9, timestamp & 0xFFFFFFFF)
    known_at = (at + 2_208_988_800) % 2**32
    assert abs(seconds + fraction / 2**32 - known_at) < 1e-3 or known_at > 2**32 - 1e-3
    names = data[4 * (words + 1) :]
    assert (names[1], len(data) % 4) == (202, 0)
    assert len(names) == 4 * (struct.unpack_from("!H", names, 2)[0] + 1)
    assert rtcp.is_report(data)


def test_a_goodbye_ends_with_one() -> None:
    assert rtcp.goodbye(5)[-8:] == bytes.fromhex("81cb000100000005")


@given(st.binary(max_size=20))
def test_noise_is_no_report_unless_it_looks_like_one(noise: bytes) -> None:
    assert not rtcp.is_report(noise) or noise[1] in (200, 201)


def test_the_description_says_what_a_decoder_needs() -> None:
    sets = [bytes.fromhex("6742c01fda"), bytes.fromhex("68ce3c80")]
    text = describe("front", "::1", Video(sets, 15.0, 2500)).decode()
    assert "c=IN IP6 ::\r\n" in text
    assert "profile-level-id=42C01F;sprop-parameter-sets=Z0LAH9o=,aM48gA==\r\n" in text
    assert text.endswith("a=control:trackID=0\r\n")
