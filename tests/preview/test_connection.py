"""What the RTSP server promises to each player, and to the others meanwhile."""

import asyncio
import socket
import struct
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic, time

import pytest

from preview.connection import tune
from preview.digest import authorization
from preview.outlets import InterleavedOutlet
from preview.rtp import Unit
from preview.rtsp import status_of
from preview.transport import Interleaved
from preview.viewer import BACKLOG_BYTES, Viewer
from tests.conftest import Run
from tests.preview.local import serving
from tests.preview.player import TCP, Player, Rtp, connected
from tests.tcp import listening

SHORT_S = 0.6  # a limit that a test can wait for


def url(port: int, path: str = "out") -> str:
    return f"rtsp://127.0.0.1:{port}/{path}"


def test_every_method_is_answered_as_the_standard_says(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            serving(redis_url, tmp_path) as (server, programs),
            connected(url(server.port)) as player,
        ):
            options = await player.ask("OPTIONS", "*")
            assert "GET_PARAMETER" in options.headers["public"]
            described = await player.ask("DESCRIBE", Accept="application/sdp")
            assert described.headers["content-base"] == f"{player.url}/"
            assert b"a=control:trackID=0" in described.body
            assert await player.status("DESCRIBE", Accept="text/html") == 406
            assert await player.status("DESCRIBE", url(server.port, "nobody")) == 404
            assert await player.status("DESCRIBE", url(server.port, "%ff%00")) == 404
            assert await player.status("OPTIONS", Require="funny-ext") == 551
            assert await player.status("ANNOUNCE") == 405
            assert await player.status("BREW") == 501
            assert await player.status("PLAY") == 455
            assert await player.status("PLAY", Session="unknown") == 454
            assert await player.status("SETUP", Transport="RAW/RAW/UDP;unicast") == 461
            assert await player.status("SETUP", url(server.port, "nobody"), Transport=TCP) == 404
            setup = await player.play("RTP/AVP/TCP;unicast;interleaved=6-7")
            assert "interleaved=6-7;ssrc=" in setup.headers["transport"]
            assert setup.headers["session"] == f"{player.session};timeout=60"
            assert await player.status("SETUP", Transport=TCP) == 455
            assert await player.status("SETUP", url(server.port, "b"), Transport=TCP) == 459
            assert await player.status("GET_PARAMETER") == 200
            assert await player.status("GET_PARAMETER", body="colour\r\n") == 451
            assert await player.status("SET_PARAMETER", Session="unknown") == 454
            assert await player.status("OPTIONS") == 200
            assert await player.status("PLAY", Range="clock=19961108T1423Z-") == 457
            played = await player.ask("PLAY", Range="npt=0.000-")
            assert played.headers["range"] == "npt=now-"
            assert played.headers["rtp-info"].startswith(f"url={player.url}/trackID=0;seq=")
            assert programs.live == ["out"]
            assert await player.status("PAUSE") == 200
            assert await player.status("PAUSE") == 455
            assert programs.live == []
            assert await player.status("TEARDOWN") == 200
            assert await player.status("TEARDOWN") == 454

    run(scenario())


def test_a_player_gets_pictures_at_once_and_again_after_a_pause(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            serving(redis_url, tmp_path) as (server, _),
            connected(url(server.port)) as player,
        ):
            start = monotonic()
            setup = await player.play()
            played = player.video[0].sequence if player.video else None
            await player.until(lambda: len(player.pictures) >= 5)
            assert monotonic() - start < 3
            assert played is None or played == player.video[0].sequence
            assert any(packet.is_key for packet in player.video[:4])
            assert "ssrc=" in setup.headers["transport"]
            assert player.reports[0][1] == 200  # so that a player knows the time from the start
            seconds, fraction = struct.unpack_from("!II", player.reports[0], 8)
            assert seconds + fraction / 2**32 - 2_208_988_800 == pytest.approx(time(), abs=3)
            assert await player.status("PAUSE") == 200
            before = len(player.video)
            assert await player.status("PLAY") == 200
            await player.until(lambda: len(player.pictures) >= 10)
            numbers = [packet.sequence for packet in player.video]
            assert numbers == [(numbers[0] + n) & 0xFFFF for n in range(len(numbers))]
            assert any(packet.is_key for packet in player.video[before : before + 4])

    run(scenario())


def test_a_path_is_encoded_once_however_many_watch_and_not_at_all_when_none_does(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with serving(redis_url, tmp_path) as (server, programs):
            async with AsyncExitStack() as stack:
                opened = [connected(url(server.port)) for _ in range(6)]
                players = [await stack.enter_async_context(one) for one in opened]
                for player in players:
                    await player.play()
                before, seen = programs.encoded, [len(player.pictures) for player in players]
                await asyncio.gather(*(until_more(player, 8) for player in players))
                encoded = programs.encoded - before
                assert programs.live == ["out"]
                assert encoded <= 8 + 6  # those that came together, and a few that came late
                assert min(len(player.pictures) for player in players) >= 8 + min(seen)
            async with asyncio.timeout(2):
                while programs.live:
                    await asyncio.sleep(0.01)
            encoded = programs.encoded
            await asyncio.sleep(0.5)
            assert programs.encoded <= encoded + 1  # which was being made

    async def until_more(player: Player, count: int) -> None:
        wanted = len(player.pictures) + count
        await player.until(lambda: len(player.pictures) >= wanted)

    run(scenario())


def test_a_login_is_asked_for_and_checked(run: Run, redis_url: str, tmp_path: Path) -> None:
    login = ("ann", "right")

    async def scenario() -> None:
        async with (
            serving(redis_url, tmp_path, login=login) as (server, _),
            connected(url(server.port)) as player,
            connected(url(server.port)) as guesser,
        ):
            assert await player.status("OPTIONS") == 200
            refused = await player.ask("DESCRIBE")
            assert status_of(refused) == 401
            assert await player.status("SETUP", Transport=TCP) == 401
            asked = refused.headers["www-authenticate"]
            right = authorization(asked, "DESCRIBE", player.url, login)
            assert await player.status("DESCRIBE", Authorization=right) == 200
            assert await player.status("SETUP", Transport=TCP, Authorization=right) == 401
            basic = authorization("Basic", "DESCRIBE", player.url, login)
            assert await player.status("DESCRIBE", Authorization=basic) == 401
            # What was overheard in one connection is worth nothing in another.
            stale = await guesser.ask("DESCRIBE", Authorization=right)
            assert "stale=TRUE" in stale.headers["www-authenticate"]
            asked = stale.headers["www-authenticate"]
            wrong = authorization(asked, "DESCRIBE", player.url, ("ann", "wrong"))
            for _ in range(3):
                assert await guesser.status("DESCRIBE", Authorization=wrong) == 401
            await guesser.until_over()

    run(scenario())


def test_there_are_no_more_connections_than_allowed_and_room_when_one_leaves(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with serving(redis_url, tmp_path, clients=2) as (server, _):
            async with connected(url(server.port)) as first, connected(url(server.port)) as second:
                assert await first.status("OPTIONS") == await second.status("OPTIONS") == 200
                async with connected(url(server.port)) as third:
                    assert await third.status("OPTIONS") == 453
                    await third.until_over()
                await first.play()
                await first.until(lambda: len(first.pictures) > 2)
            async with asyncio.timeout(2):
                while server.connections:
                    await asyncio.sleep(0.01)
            async with connected(url(server.port)) as fourth:
                assert await fourth.status("OPTIONS") == 200

    run(scenario())


def test_who_says_nothing_or_half_a_word_is_sent_away(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            serving(redis_url, tmp_path, request_s=SHORT_S, timeout_s=2.0) as (server, _),
            connected(url(server.port)) as mute,
            connected(url(server.port)) as slow,
            connected(url(server.port)) as idle,
        ):
            assert await idle.status("OPTIONS") == 200
            start = monotonic()
            trickling = asyncio.create_task(trickle(slow.writer))
            await asyncio.gather(mute.until_over(), slow.until_over())
            assert monotonic() - start < 1.9
            await idle.until_over()
            assert 1.9 < monotonic() - start < 4
            trickling.cancel()

    async def trickle(writer: asyncio.StreamWriter) -> None:
        for letter in b"OPTIONS * RTSP/1.0\r\nX: " + b"y" * 5000:
            writer.write(bytes([letter]))
            await asyncio.sleep(0.05)

    run(scenario())


def udp_pair() -> tuple[socket.socket, socket.socket]:
    ends = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    for end in ends:
        end.bind(("127.0.0.1", 0))
        end.setblocking(False)
    return ends


def port_of(end: socket.socket) -> int:
    return int(end.getsockname()[1])


def test_a_player_by_udp_stays_while_it_reports_and_goes_when_it_is_silent(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        rtp, rtcp = udp_pair()
        ask = f"RTP/AVP;unicast;client_port={port_of(rtp)}-{port_of(rtcp)}"
        loop = asyncio.get_running_loop()
        async with (
            serving(redis_url, tmp_path, timeout_s=SHORT_S * 2) as (server, programs),
            connected(url(server.port)) as player,
        ):
            setup = await player.play(ask)
            ports = setup.headers["transport"].partition("server_port=")[2].partition(";")[0]
            first, second = map(int, ports.split("-"))
            assert (first % 2, second) == (0, first + 1)
            assert (await loop.sock_recv(rtp, 2000))[1] & 0x7F == 96
            assert (await loop.sock_recv(rtcp, 2000))[1] == 200
            receiver_report = bytes.fromhex("80c9000100000001")
            start = monotonic()
            while monotonic() - start < SHORT_S * 3:
                rtcp.sendto(receiver_report, ("127.0.0.1", second))
                await asyncio.sleep(0.1)
            assert programs.live == ["out"]
            await player.until_over()
            assert SHORT_S < monotonic() - start - SHORT_S * 3 < SHORT_S * 2 + 2
            assert programs.live == []
            last = b""
            while rtcp_data := await received(rtcp):
                last = rtcp_data
            assert last[-8:-4] == bytes.fromhex("81cb0001")  # goodbye
        rtp.close()
        rtcp.close()

    async def received(end: socket.socket) -> bytes:
        try:
            return end.recv(2000)
        except BlockingIOError:
            return b""

    run(scenario())


def test_a_player_by_tcp_that_only_reads_stays_and_one_that_does_not_read_goes(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            serving(redis_url, tmp_path, timeout_s=SHORT_S) as (server, _),
            connected(url(server.port)) as reading,
            connected(url(server.port)) as keeping,
        ):
            await reading.play()
            assert await keeping.status("OPTIONS") == 200
            start = monotonic()
            await reading.until(lambda: monotonic() - start > SHORT_S * 2)
            await keeping.until_over()

    run(scenario())


def unit(number: int, size: int, key: bool) -> Unit:
    piece = struct.pack("!BI", 0x65 if key else 0x41, number)
    payloads = [piece + bytes(1300)] * (size // 1300)
    return Unit(payloads, number * 6000, key, time(), sum(map(len, payloads)))


def test_a_slow_player_misses_pictures_and_goes_on_with_a_key_frame(run: Run) -> None:
    async def scenario() -> None:
        writers = asyncio.Queue[asyncio.StreamWriter]()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await writers.put(writer)
            await asyncio.Event().wait()

        async with (
            listening(answer) as port,
            connected(url(port), receive_bytes=8192) as slow,
        ):
            writer = await writers.get()
            tune(writer)
            asked = 0

            def want_key() -> None:
                nonlocal asked
                asked += 1

            viewer = Viewer(InterleavedOutlet(writer.transport, Interleaved(0, 1)), want_key)
            for number in range(80):  # 4 MB, which nobody reads
                viewer.show(unit(number, 50_000, key=number == 0))
                assert writer.transport.get_write_buffer_size() < BACKLOG_BYTES + 60_000
            assert viewer.missed > 20
            assert asked == 0  # it would not help now
            before = viewer.missed
            await slow.until(lambda: not writer.transport.get_write_buffer_size())
            viewer.show(unit(100, 50_000, key=False))
            assert (asked, viewer.missed) == (1, before + 1)
            viewer.show(unit(101, 50_000, key=True))
            viewer.show(unit(102, 50_000, key=False))
            await slow.until(lambda: number_of(slow.pictures[-1]) == 102)
            numbers = [number_of(packet) for packet in slow.pictures]
            shown = viewer.shown - 2
            assert numbers == [*range(shown), 101, 102]  # whole ones only
            sequences = [packet.sequence for packet in slow.video]
            assert sequences == [(sequences[0] + n) & 0xFFFF for n in range(len(sequences))]

    def number_of(packet: Rtp) -> int:
        return int.from_bytes(packet.payload[1:5], "big")

    run(scenario())


def test_reports_in_the_connection_are_signs_of_life(
    run: Run, redis_url: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with (
            serving(redis_url, tmp_path, timeout_s=SHORT_S) as (server, _),
            connected(url(server.port)) as player,
        ):
            await player.ask("SETUP", Transport=TCP)  # and does not play
            start = monotonic()
            while monotonic() - start < SHORT_S * 2:
                data = bytes.fromhex("80c9000100000001")
                player.writer.write(b"$\1" + len(data).to_bytes(2, "big") + data)
                await asyncio.sleep(0.1)
            assert await player.status("OPTIONS") == 200

    run(scenario())
