"""HTTP cameras: whatever they serve, new pictures or a clear reason, and no password in it."""

import asyncio
import hashlib
import io
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from PIL import Image

from bus.errors import CameraError
from bus.jpeg import encode_jpeg
from capture.connection import context_for, may_go_on
from capture.reasons import Refused
from capture.sources import http
from capture.sources.http import pace_of
from tests.capture.reading import TERMS, Reading, pictures, read
from tests.conftest import Run
from tests.http_server import (
    MIXED,
    HttpServer,
    Request,
    Route,
    always,
    begin,
    own_certificate,
    response,
    serve_http,
)
from tests.pictures import number_in, numbered
from tests.tcp import listening


async def reading(url: str, most: int = 1000) -> Reading:
    """At most so many pictures of *url*."""
    return await asyncio.to_thread(read, url, most)


def numbers(got: Reading) -> list[int]:
    return [number_in(one.pixels) for one in got.seen]


def jpeg(number: int, width: int = 320, height: int = 240) -> bytes:
    return encode_jpeg(numbered(number, width, height))


def filming(parts: Iterator[bytes], kind: str = MIXED, every_s: float = 0.03) -> Route:
    """Give *parts*, and then nothing more."""

    async def route(request: Request, writer: asyncio.StreamWriter) -> None:
        begin(writer, kind)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(every_s)
        await asyncio.Event().wait()

    return route


# MJPEG


def with_lengths() -> Iterator[bytes]:
    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
    return (head % (len(jpeg(number)), jpeg(number)) for number in count(1))


def without_lengths() -> Iterator[bytes]:
    return (b"--frame\r\n\r\n" + jpeg(number) + b"\r\n" for number in count(1))


def with_wrong_lengths() -> Iterator[bytes]:
    return (b"--x\r\nContent-Length: 7\r\n\r\n" + jpeg(number) for number in count(1))


def with_other_boundaries() -> Iterator[bytes]:
    return (b"----other\nContent-type: image/jpeg\n\n" + jpeg(number) for number in count(1))


def with_junk() -> Iterator[bytes]:
    return (b"\0\xff\xd8 junk" * 50 + jpeg(number) + b"\0" * 99 for number in count(1))


def in_small_pieces() -> Iterator[bytes]:
    for number in count(1):
        data = b"--frame\r\n\r\n" + jpeg(number)
        yield data[:700]
        yield data[700:]


def with_new_sizes() -> Iterator[bytes]:
    return (jpeg(number, 320 * (1 + number % 2), 240) for number in count(1))


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        (with_lengths, MIXED),
        (without_lengths, 'Multipart/X-Mixed-Replace; boundary="--frame"'),
        (with_wrong_lengths, "multipart/x-mixed-replace"),
        (with_other_boundaries, MIXED),
        (with_junk, MIXED),
        (in_small_pieces, MIXED),
        (with_new_sizes, MIXED),
        (without_lengths, "text/plain"),
    ],
)
def test_mjpeg_is_read_however_a_camera_writes_it(
    run: Run, tmp_path: Path, parts: type[Iterator[bytes]], kind: str
) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["stream"] = filming(parts(), kind)
            got = await reading(camera.url("stream"), 6)
        assert (got.codec, got.live, got.error) == ("mjpeg", True, "")
        assert numbers(got) == list(range(1, 7))

    run(scenario())


def test_damaged_pictures_are_left_out_and_counted(run: Run, tmp_path: Path) -> None:
    def some_damaged() -> Iterator[bytes]:
        for number in count(1):
            whole = jpeg(number)
            hole = whole[:500] + bytes(200) + whole[700:]
            damage = {1: whole[:900], 2: hole, 3: whole[:-2]}
            yield b"--frame\r\n\r\n" + damage.get(number % 4, whole) + b"\r\n"

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["stream"] = filming(some_damaged())
            shots = await asyncio.to_thread(first_shots, camera.url("stream"), 12)
        assert {number % 4 for number, _ in shots if number} == {0}
        assert sum(lost for _, lost in shots) >= 8

    run(scenario())


def first_shots(url: str, most: int) -> list[tuple[int, bool]]:
    """The number in each picture, 0 if there is none, and whether it was lost."""
    with http.open(url, TERMS) as source:
        shots = source.frames(lambda: True)
        found = [next(shots) for _ in range(most)]
        return [(number_in(shot.pixels()) if shot.pixels else 0, shot.lost) for shot in found]


def test_mjpeg_without_pictures_is_given_up_in_time(run: Run, tmp_path: Path) -> None:
    wrong = {
        "no-end": [jpeg(2)[:900], *[bytes(999)] * 200],
        "all-cut": [jpeg(2)[:900] + b"\r\n--frame\r\n\r\n"] * 200,
        "junk": [b"nothing of value " * 999] * 200,
        "drops": [b"\n"] * 200,
    }

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            for path, parts in wrong.items():
                camera.routes[path] = filming(iter([jpeg(1), *parts]))
            readings = await asyncio.gather(*[reading(camera.url(path)) for path in wrong])
        for got in readings:
            assert (numbers(got), got.error) == ([1], "gave no frame for 1 s")
            assert got.took_s < 2.5

    run(scenario())


def test_a_slow_reader_gets_new_pictures_and_no_backlog(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path, fps=50) as camera:
            late = await asyncio.to_thread(read_slowly, camera)
        assert max(late[1:]) < 15  # frames; taking five of 50 a second it would be 50 and more

    run(scenario())


def read_slowly(camera: HttpServer) -> list[int]:
    late = []
    with http.open(camera.url("live.mjpeg"), TERMS) as source:
        for (_, pixels), _ in zip(pictures(source), range(8), strict=False):
            late.append(camera.sent - number_in(pixels))
            sleep(0.2)
    return late


def test_while_nobody_watches_one_picture_a_second_is_decoded(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path, fps=20) as camera:
            decoded, late = await asyncio.to_thread(rest_and_wake, camera)
        assert 1 <= decoded <= 3
        assert late < 10

    run(scenario())


def rest_and_wake(camera: HttpServer) -> tuple[int, int]:
    """How many pictures there were in 1.5 s of rest, and how old the first after it was."""
    start, decoded = monotonic(), 0
    with http.open(camera.url("live.mjpeg"), TERMS) as source:
        for shot in source.frames(lambda: monotonic() - start > 1.5):
            if shot.pixels and monotonic() - start > 1.6:
                return decoded, camera.sent - number_in(shot.pixels())
            decoded += shot.pixels is not None and monotonic() - start < 1.5
    raise AssertionError("the camera went away")


def test_a_camera_that_hangs_up_ends_its_frames(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async def three(request: Request, writer: asyncio.StreamWriter) -> None:
            begin(writer, MIXED)
            writer.write(b"--frame\r\n\r\n" + jpeg(1))
            await writer.drain()
            writer.close()

        async with serve_http(tmp_path) as camera:
            camera.routes["stream"] = three
            got = await reading(camera.url("stream"))
        assert (numbers(got), got.error) == ([1], "the camera ended its stream")

    run(scenario())


def test_closing_a_silent_camera_takes_no_time(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["stream"] = filming(iter([b"--frame\r\n\r\n" + jpeg(1)]))
            got = await reading(camera.url("stream"), 1)
        assert len(got.seen) == 1
        assert got.took_s < 0.8  # and not as long as it takes to give it up

    run(scenario())


# Single pictures


def taking_turns(*answers: bytes) -> Route:
    """Each answer once, the last one for ever."""
    left = iter(answers)

    async def route(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(next(left, answers[-1]))

    return route


def snapshots() -> Route:
    """A new picture each time."""
    taken = count(1)

    async def route(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(response(jpeg(next(taken)), Content_Type="image/jpeg"))

    return route


def test_a_snapshot_is_asked_for_again_at_its_pace_over_one_connection(
    run: Run, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["shot"] = snapshots()
            got = await reading(camera.url("shot?a=%41&every=0.2s&user&b=x/y"), 5)
        assert (got.codec, got.live, numbers(got)) == ("jpeg", True, [1, 2, 3, 4, 5])
        assert np.diff([one.stamped for one in got.seen]) == pytest.approx([0.2] * 4, abs=0.15)
        assert {seen.target for seen in camera.seen} == {"/shot?a=%41&user&b=x/y"}
        assert camera.connections == 1

    run(scenario())


def test_a_picture_that_has_not_changed_is_not_sent_again(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async def unless_known(request: Request, writer: asyncio.StreamWriter) -> None:
            known = request.headers.get("if-none-match") == '"7"'
            writer.write(response(status=304) if known else response(jpeg(7), ETag='"7"'))

        async with serve_http(tmp_path) as camera:
            camera.routes["shot"] = unless_known
            got = await reading(camera.url("shot?every=0.1"), 4)
        assert numbers(got) == [7] * 4
        assert ["if-none-match" in seen.headers for seen in camera.seen] == [False, *[True] * 3]

    run(scenario())


def test_a_snapshot_that_fails_now_and_then_is_no_harm(run: Run, tmp_path: Path) -> None:
    good = [response(jpeg(number)) for number in (1, 2, 3)]
    bad = [response(status=503), response(b"\xff\xd8\xff damaged"), response()]

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["shot"] = taking_turns(good[0], *bad[:2], good[1], bad[2], good[2])
            camera.routes["worse"] = taking_turns(good[0], *bad, bad[0])
            got, worse = await asyncio.gather(
                reading(camera.url("shot?every=0.1s"), 3), reading(camera.url("worse?every=0.1s"))
            )
        assert numbers(got) == [1, 2, 3]
        assert (numbers(worse), worse.error) == ([1], "what it serves is not a picture")

    run(scenario())


def test_while_nobody_watches_snapshots_are_seldom_and_whoever_comes_gets_a_new_one(
    run: Run, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["shot"] = snapshots()
            number, signs = await asyncio.to_thread(come_late, camera.url("shot?every=0.2s"))
        assert (number, len(camera.seen)) == (2, 2)  # one to open it, one for who came
        assert signs >= 2  # that it is there

    run(scenario())


def come_late(url: str) -> tuple[int, int]:
    start, signs = monotonic(), 0
    with http.open(url, TERMS) as source:
        for shot in source.frames(lambda: monotonic() - start > 1.5):
            if shot.pixels:
                return number_in(shot.pixels()), signs
            signs += 1
    raise AssertionError("the camera went away")


def test_a_slow_snapshot_is_given_again_meanwhile(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["shot"] = snapshots()
            got = await reading(camera.url("shot?every=600s"), 2)
        assert numbers(got) == [1, 1]
        assert len(camera.seen) == 1

    run(scenario())


def test_a_snapshot_is_upright_and_of_any_usual_kind(run: Run, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right
    Image.fromarray(np.rot90(numbered(14)).copy()).save(tmp_path / "turned.jpg", exif=exif)
    kinds = ("a.png", "a.webp", "a.bmp", "a.gif")
    for name in kinds:
        Image.fromarray(numbered(14)).save(tmp_path / name)

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            for name in ("turned.jpg", *kinds):
                assert numbers(await reading(camera.url(name), 1)) == [14]

    run(scenario())


def bomb() -> bytes:
    Image.new("1", (30000, 30000)).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("pace", ["0.05s", "601s", "2m", "-1", "", "1e2"])
def test_a_pace_that_cannot_be_met_is_said_so(pace: str) -> None:
    with pytest.raises(CameraError, match=r"every=2s, from 0\.1s to 600s"):
        pace_of(f"http://camera/shot?every={pace}")


# Reasons


async def slow_head(request: Request, writer: asyncio.StreamWriter) -> None:
    for letter in "HTTP/1.1 200 OK\r\nX-Slow: " + "x" * 1000:
        writer.write(letter.encode())
        await asyncio.sleep(0.05)


def test_what_is_wrong_is_said_in_plain_words(run: Run, tmp_path: Path) -> None:
    page = b"\n<!doctype html><html></html>"
    cut = jpeg(1)[:900]
    seek = "look for its stream's address in the manual"
    expected = {
        "page": f"it serves a web page, not a picture: {seek}",
        "typed": f"it serves a web page, not a picture: {seek}",
        "json": f"it serves data (JSON), not a picture: {seek}",
        "nothing": "the camera has no such path",
        "locked": "wrong user name or password",
        "forbidden": "it forbids access",
        "broken": "the camera has an error of its own (500)",
        "odd": "the camera answered 418",
        "empty": "it answers, but sends nothing",
        "noise": "not a video or picture",
        "cut": "its picture is damaged",
        "bomb": "its picture is too large",
        "silent": "gave no answer within 1 s",
        "slow-head": "gave no answer within 1 s",
        "no-http": "what it answers is not HTTP",
        "loop": "it redirects more than 3 times",
        "ftp": "it sends us on to something that is not http",
        "inside": "it sends us on to localhost, which is not a public address",
        "metadata": "it sends us on to 169.254.169.254, which is not a public address",
    }

    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes |= {
                "page": always(response(page)),
                "typed": always(response(b"hello, there", Content_Type="text/html; charset=x")),
                "json": always(response(b' {"error": "no"}', Content_Type="text/plain")),
                "forbidden": always(response(status=403)),
                "broken": always(response(status=500)),
                "odd": always(response(status=418)),
                "empty": always(response()),
                "noise": always(response(b"milk, eggs and bread\n" * 500)),
                "cut": always(response(cut, Content_Type="image/jpeg")),
                "bomb": always(response(bomb())),
                "slow-head": slow_head,
                "no-http": always(b"220 camera ESMTP\r\n\r\n"),
                "loop": always(response(status=302, Location="/loop")),
                "ftp": always(response(status=302, Location="ftp://127.0.0.1/x")),
                "inside": always(response(status=302, Location=f"http://localhost:{camera.port}/")),
                "metadata": always(response(status=302, Location="http://169.254.169.254/x")),
            }
            urls = [camera.url(path, "u:secret") for path in expected]
            got = await asyncio.gather(*map(reading, urls))
        assert {path: one.error for path, one in zip(expected, got, strict=True)} == expected
        assert max(one.took_s for one in got) < 2.5

    run(scenario())


def test_a_camera_that_is_not_there_is_said_so() -> None:
    with socket.socket() as taken:  # and not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://u:secret@127.0.0.1:{taken.getsockname()[1]}/"
        assert read(url).error == "connection refused"
    assert read("http://no-such-host.invalid/").error == "there is no host no-such-host.invalid"


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("192.168.1.7", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("::ffff:169.254.169.254", False),
        ("168.63.129.16", False),
        ("fd00:ec2::254", False),
    ],
)
def test_a_camera_leads_us_only_to_public_addresses(address: str, may: bool) -> None:
    assert may_go_on(ipaddress.ip_address(address)) == may


# Who we are, and who the camera is


def test_a_camera_on_another_path_of_its_own_is_found(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serve_http(tmp_path) as camera:
            camera.routes["old"] = always(response(status=301, Location="live.mjpeg#now"))
            assert len((await reading(camera.url("old"), 2)).seen) == 2

    run(scenario())


def basic(request: Request) -> bool:
    return request.headers.get("authorization") == "Basic dTpwOndk"  # u:p:wd


def digest(request: Request) -> bool:
    given = dict(re.findall(r'(\w+)="?([^",]+)', request.headers.get("authorization", "")))
    secret, path = _md5("u:door:p:wd"), _md5(f"GET:{request.target}")
    proof = (secret, "n0", given.get("nc", ""), given.get("cnonce", ""), "auth", path)
    return given.get("response") == _md5(":".join(proof))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


CHALLENGES: dict[Callable[[Request], bool], str] = {
    basic: 'Basic realm="door"',
    digest: 'Digest realm="door", nonce="n0", qop="auth"',
}


@pytest.mark.parametrize("may", [basic, digest])
def test_a_camera_is_told_who_we_are_in_the_way_it_asks(
    run: Run, tmp_path: Path, may: Callable[[Request], bool]
) -> None:
    async def scenario() -> None:
        async def door(request: Request, writer: asyncio.StreamWriter) -> None:
            refused = response(status=401, WWW_Authenticate=CHALLENGES[may])
            writer.write(response(jpeg(5)) if may(request) else refused)

        async with serve_http(tmp_path) as camera:
            camera.routes["shot"] = door
            right, wrong, none = [
                camera.url("shot?every=0.1&a=b", login) for login in ("u:p%3Awd", "u:x", "")
            ]
            assert numbers(await reading(right, 3)) == [5, 5, 5]
            assert len(camera.seen) == 4  # it is asked for only once
            assert (await reading(wrong)).error == "wrong user name or password"
            assert "asks for a user name and password" in (await reading(none)).error
            with pytest.raises(Refused):
                await asyncio.to_thread(http.open(wrong, TERMS).__enter__)

    run(scenario())


def test_a_certificate_that_a_camera_signed_itself_is_good_enough_at_home(
    run: Run, tmp_path: Path
) -> None:
    async def without_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(status=400))

    async def scenario() -> None:
        async with (
            serve_http(tmp_path, tls=own_certificate()) as camera,
            listening(without_tls) as port,
        ):
            assert len((await reading(camera.url("live.mjpeg"), 3)).seen) == 3
            wrong = await reading(f"https://127.0.0.1:{port}/")
            assert wrong.error == "it does not speak https here: try http://"

    run(scenario())
    assert context_for(ipaddress.ip_address("8.8.8.8")).verify_mode == ssl.CERT_REQUIRED
    assert context_for(ipaddress.ip_address("10.0.0.8")).verify_mode == ssl.CERT_NONE
