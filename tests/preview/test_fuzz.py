"""Whatever bytes come, the server answers others as before, and forgets who sent them."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic

import pytest

from tests.conftest import Run
from tests.preview.player import connected
from tests.preview.process import Preview, previewing
from tests.waiting import until

SECONDS = float(os.environ.get("LOOKOUT_FUZZ_S", "5"))
SEED = int(os.environ.get("LOOKOUT_FUZZ_SEED", "1"))

REPORT = b"$\1\0\x08" + bytes.fromhex("80c9000100000001")
TALK = (
    "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "DESCRIBE {url} RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n",
    "SETUP {url}/trackID=0 RTSP/1.0\r\nCSeq: 3\r\n"
    "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
    "SETUP {url} RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;client_port=9000-9001\r\n\r\n",
    "PLAY {url} RTSP/1.0\r\nCSeq: 4\r\nSession: {session}\r\nRange: npt=0.000-\r\n\r\n",
    "PAUSE {url} RTSP/1.0\r\nCSeq: 5\r\nSession: {session}\r\n\r\n",
    "GET_PARAMETER {url} RTSP/1.0\r\nCSeq: 6\r\nSession: {session}\r\nContent-Length: 3\r\n\r\nabc",
    "TEARDOWN {url} RTSP/1.0\r\nCSeq: 7\r\nSession: {session}\r\n\r\n",
)
PIECES = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"$",
        b"$\0\xff\xff",
        b"\0",
        b"\xff\xfe",
        b": ",
        b" RTSP/1.0",
        b";",
        b"%",
    ),
    *(b"Content-Length: 4000\r\n", b"Content-Length: 99999999999999999999\r\n", b"Session: \r\n"),
    *(
        b"Transport: RTP/AVP;client_port=1-65535\r\n",
        b"[::",
        b"rtsp://[",
        b"CSeq: 1\r\n",
        b"=" * 99,
    ),
    b'Authorization: Digest username="\r\n',
)


def mutated(dice: Random, data: bytes) -> bytes:
    """*data* with a few things wrong."""
    some = bytearray(data)
    for _ in range(dice.choice((0, 1, 1, 2, 5, 20))):
        at = dice.randrange(len(some) + 1)
        match dice.randrange(6):
            case 0:
                some[at:at] = dice.choice(PIECES)
            case 1:
                del some[at : at + dice.choice((1, 4, 50))]
            case 2:
                some[at : at + 1] = dice.randbytes(1)
            case 3:
                some[at:at] = some[: dice.randrange(200)]
            case 4:
                some[at:at] = dice.randbytes(dice.choice((1, 8, 300)))
            case _:
                some[at:at] = bytes(some[at : at + 1]) * dice.choice((2, 10_000))
    return bytes(some)


def pester(dice: Random, port: int, url: str) -> None:
    """One connection that begins properly and then does not."""
    with socket.create_connection(("127.0.0.1", port), 5) as line, suppress(OSError):
        line.settimeout(0.05)
        session = "x"
        for request in dice.choices(TALK, k=dice.randrange(1, 6)):
            data = request.format(url=url, session=session).encode()
            wrong = dice.random() < 0.5
            line.sendall(mutated(dice, data + REPORT) if wrong else data)
            with suppress(TimeoutError):
                answer = line.recv(2000)
                if b"Session: " in answer:
                    session = answer.partition(b"Session: ")[2][:16].decode("latin-1")
        if dice.random() < 0.3:  # gone without a word
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.fixture
def preview(redis_url: str, tmp_path: Path) -> Iterator[Preview]:
    """What it logs is looked at in the end."""
    with previewing(redis_url, tmp_path, PREVIEW_SIZE="160x160") as process:
        yield process


@pytest.mark.timeout(SECONDS * 2 + 60)
def test_no_bytes_whatsoever_harm_the_server(run: Run, preview: Preview) -> None:
    dice, tries = Random(SEED), 0

    async def is_well() -> None:
        async with connected(preview.url("out")) as player:
            assert await player.status("DESCRIBE") == 200
            await player.play()
            await player.until(lambda: len(player.pictures) > 1)

    for _ in range(50):
        pester(dice, preview.port, preview.url("out"))
    run(is_well())
    memory_mb, ends = preview.memory_mb(), monotonic() + SECONDS
    while monotonic() < ends:
        pester(dice, preview.port, preview.url("out"))
        tries += 1
    assert tries > 10 * SECONDS
    assert preview.process.poll() is None
    until(lambda: preview.heartbeat().get("connections") == "0", 15)
    run(is_well())
    assert preview.memory_mb() < memory_mb + 20
