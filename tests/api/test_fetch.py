"""A picture behind a URL is no way into the private network, and no way to keep us busy."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.addresses import Address, AllowList, GuardedNetwork
from api.fetch import AT_ONCE, Fetched, Fetcher, open_fetcher
from api.image_urls import AT_ONCE as OF_ONE_REQUEST
from bus.errors import BadImage, BadSettings
from tests.api.asking import GREEN, ask, image, look, refused, seen
from tests.api.conftest import Tight
from tests.api.origin import Origin

PARAM = "messages[0].content[0].image_url"
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.10",
    "100.64.0.1",
    "169.254.1.1",
    "169.254.169.254",  # metadata of most clouds
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:db8::1",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::6810:84e5", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


def permits(entries: Sequence[str], host: str, address: str) -> bool:
    return AllowList(entries).permits(host, ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(address: str) -> None:
    assert not permits([], "host", address)
    assert not permits(["192.0.2.0/24", "other"], "host", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert permits([], "host", address)


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_listed_is_permitted_all_the_same(address: str) -> None:
    plain = getattr(ipaddress.ip_address(address), "ipv4_mapped", None) or address
    assert permits([str(plain)], "host", address)
    assert permits(["Cam.Local"], "cam.local", address)
    assert not permits(["cam.local"], "cam.local.evil.example", address)
    assert not permits(["cam.local"], "evil.example", address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_in_ipv6_clothes(address: ipaddress.IPv4Address) -> None:
    plain = permits([], "host", str(address))
    assert permits([], "host", f"::ffff:{address}") == plain
    assert permits([], "host", f"64:ff9b::{address}") == plain
    assert not plain or address.is_global


@given(st.ip_addresses())
def test_a_network_in_the_list_permits_its_own_addresses_only(address: Address) -> None:
    allow = AllowList(["10.0.0.0/8", "fd00::/8"])
    inside = any(address in net for net in allow.networks)
    assert allow.permits("host", address) == (inside or AllowList([]).permits("host", address))
    assert allow.names("host", address) == inside


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "cam.local/24", "http://cam.local", "cam:80"])
def test_a_list_that_makes_no_sense_is_refused(entry: str) -> None:
    with pytest.raises(BadSettings, match="LOOKOUT_ALLOW_HOSTS"):
        AllowList([entry])


def guarded(*addresses: str) -> GuardedNetwork:
    """A network in which every name has these addresses; only the loopback is allowed."""

    async def resolve(host: str, port: int) -> list[Address]:
        return [ipaddress.ip_address(address) for address in addresses]

    return GuardedNetwork(AllowList(["127.0.0.0/8"]), resolve)


def connect(network: GuardedNetwork, port: int) -> None:
    async def scenario() -> None:
        stream = await network.connect_tcp("host", port, timeout=1)
        await stream.aclose()

    asyncio.run(scenario())


def test_one_private_address_among_public_ones_is_enough_to_refuse(origin: Origin) -> None:
    for addresses in (("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("::1", "127.0.0.1")):
        with pytest.raises(httpcore.ConnectError, match="private"):
            connect(guarded(*addresses), origin.port)


def test_the_next_address_is_tried_when_one_does_not_answer(origin: Origin) -> None:
    connect(guarded("127.0.0.2", "127.0.0.1"), origin.port)
    with pytest.raises(httpcore.ConnectError):
        connect(guarded("127.0.0.2", "127.0.0.3"), origin.port)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "①②⑦.0.0.1"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "169.254.169.254", "10.0.0.1"),
        *("user@127.0.0.1", "localhost@127.0.0.1", "127.0.0.1%2f@127.0.0.1", "localhost。"),
    ],
)
def test_no_spelling_of_a_private_address_gets_through(
    tight: Tight, origin: Origin, host: str
) -> None:
    asked = len(origin.asked)
    answer = ask(tight.http, image(origin.url("picture", host)))
    refused(answer, 400, "bad_image", PARAM)
    assert len(origin.asked) == asked


def test_a_redirect_does_not_lead_to_a_private_address(tight: Tight, origin: Origin) -> None:
    assert look(tight.http, origin.url("picture", "localhost")).colour == GREEN
    for host in ("127.0.0.1", "2130706433", "[::1]", "169.254.169.254"):
        away = origin.url(f"away?to={origin.url('picture', host)}", "localhost")
        asked = len(origin.asked)
        reason = refused(ask(tight.http, image(away)), 400, "bad_image", PARAM)
        assert "cannot be" in reason or "private" in reason
        assert len(origin.asked) == asked + 1


@pytest.mark.parametrize(
    "to",
    ["file:///etc/passwd", "ftp://localhost/x", "rtsp://localhost/x", "data:image/png,", "demo:"],
)
def test_a_redirect_leads_to_http_only(tight: Tight, origin: Origin, to: str) -> None:
    answer = ask(tight.http, image(origin.url(f"away?to={to}", "localhost")))
    assert "not http" in refused(answer, 400, "bad_image", PARAM)


@pytest.mark.parametrize("to", ["http://[", "http://localhost:99999/", "http:///", "http://a b/"])
def test_a_redirect_to_nowhere_is_refused(tight: Tight, origin: Origin, to: str) -> None:
    answer = ask(tight.http, image(origin.url(f"away?to={to}", "localhost")))
    refused(answer, 400, "bad_image", PARAM)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing", "404"),
        ("page", "no picture"),
        ("loop", "redirects more than"),
        ("short", "cannot be fetched"),
        ("headers", "cannot be fetched"),
        ("nonsense", "cannot be fetched"),
        ("babble", "cannot be fetched"),
        ("html", "sent text/html, which is no picture"),
        ("packed", "packed as gzip"),
        ("private", "401"),
        ("length", "cannot be fetched"),
        ("hangs_up", "cannot be fetched"),
        ("drip", "within 1.5 s"),
        ("silent", "within 1.5 s"),
    ],
)
def test_a_server_without_a_picture_is_said_to_be_one(
    tight: Tight, origin: Origin, path: str, why: str
) -> None:
    began = monotonic()
    answer = ask(tight.http, image(origin.url(path, "localhost")))
    assert why in refused(answer, 400, "bad_image", PARAM)
    assert monotonic() - began < 5


@pytest.mark.parametrize("path", ["huge", "endless"])
def test_a_picture_that_never_ends_is_given_up(tight: Tight, origin: Origin, path: str) -> None:
    origin.gone.clear()
    answer = ask(tight.http, image(origin.url(path, "localhost")))
    assert "0.5 MiB" in refused(answer, 413, "image_too_large", PARAM)
    assert origin.gone.wait(2)


def test_more_than_was_announced_is_not_read(tight: Tight, origin: Origin) -> None:
    assert look(tight.http, origin.url("long", "localhost")).colour == GREEN


def test_a_server_that_is_not_there_is_said_to_be_away(tight: Tight) -> None:
    answer = ask(tight.http, image("http://localhost:9/cat.jpg"))
    assert "localhost" in refused(answer, 400, "bad_image", PARAM)
    answer = ask(tight.http, image("http://no-such-host.invalid/cat.jpg"))
    assert "no-such-host.invalid" in refused(answer, 400, "bad_image", PARAM)


def test_a_password_in_the_url_is_not_told(tight: Tight, origin: Origin) -> None:
    url = origin.url("missing", "user:s3cret@localhost")
    assert "s3cret" not in refused(ask(tight.http, image(url)), 400, "bad_image", PARAM)
    assert "s3cret" not in tight.logged()


def fetched(*urls: str, size_bytes: int = 1 << 20) -> list[Fetched | BadImage]:
    """What comes of fetching *urls* side by side, where this machine may be reached."""

    async def one(fetcher: Fetcher, url: str) -> Fetched | BadImage:
        try:
            return await fetcher.get(url)
        except BadImage as error:
            return error

    async def scenario() -> list[Fetched | BadImage]:
        allow = AllowList(["127.0.0.0/8", "localhost"])
        async with open_fetcher(allow, size_bytes, wait_s=5) as fetcher:
            return await asyncio.gather(*(one(fetcher, url) for url in urls))

    return asyncio.run(scenario())


def test_a_name_and_a_password_are_shown_to_the_server_that_they_are_for(origin: Origin) -> None:
    url = origin.url("private", "user:s3cret@127.0.0.1")
    (picture,) = fetched(url)
    assert isinstance(picture, Fetched)
    assert picture.url == url
    assert origin.logins[-1] == "Basic dXNlcjpzM2NyZXQ="
    fetched(origin.url("picture"))
    assert origin.logins[-1] is None


@pytest.mark.parametrize("userinfo", ["user%40home:p%3Ass%2F", "us%C3%A9r:", "user", ":word"])
def test_a_password_may_have_any_letters(origin: Origin, userinfo: str) -> None:
    fetched(origin.url("picture", f"{userinfo}@127.0.0.1"))
    parts = httpx.URL(f"http://{userinfo}@host/")
    (sent,) = httpx.BasicAuth(parts.username, parts.password).auth_flow(httpx.Request("GET", parts))
    assert origin.logins[-1] == sent.headers["authorization"]


@pytest.mark.parametrize(
    ("to", "logins"),
    [
        ("/private", 2),  # the same server
        ("http://127.0.0.1:{port}/private", 2),
        ("http://localhost:{port}/private", 1),  # another one
        ("http://user:s3cret@localhost:{port}/private", 1),  # what a redirect writes is not ours
        ("http://localhost:{port}/away?to=http://localhost:{port}/private", 1),
    ],
)
def test_a_redirect_does_not_take_the_password_elsewhere(
    origin: Origin, to: str, logins: int
) -> None:
    before = len(origin.logins)
    to = to.format(port=origin.port)
    (result,) = fetched(origin.url(f"away?to={to}", "user:s3cret@127.0.0.1"))
    shown = [login for login in origin.logins[before:] if login]
    assert len(shown) == logins
    assert isinstance(result, Fetched) == (logins == 2)
    assert "s3cret" not in str(result) or isinstance(result, Fetched)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@127.0.0.1:9/",
        "http://user:s3cret@no-such-host.invalid/",
        "http://user:s3cret@[::1/",
        "http://user:s3cret@127.0.0.1:99999/",
        "http://user:s3cret@/",
        "http://user:s3cret@a b/",
        "http://user:s3cret/x@127.0.0.1:9/",
        "http://user:s3cret#@127.0.0.1:9/",
        "http://user:s3cret\n@127.0.0.1/",
        "gopher://user:s3cret@127.0.0.1/",
    ],
)
def test_no_error_repeats_a_password(url: str) -> None:
    (error,) = fetched(url)
    assert isinstance(error, BadImage)
    assert "s3cret" not in str(error)


def test_a_server_s_nonsense_is_not_repeated_at_length(origin: Origin) -> None:
    for error in fetched(origin.url("babble"), origin.url("nonsense")):
        assert len(str(error)) < 400


def test_a_picture_may_be_called_a_text(origin: Origin) -> None:
    (picture,) = fetched(origin.url("text"))
    assert isinstance(picture, Fetched)
    assert picture.data


class Crowd:
    """A server that answers nobody until *most* are there, and counts who waits."""

    def __init__(self, most: int) -> None:
        self.counts: list[int] = []  # how many were waiting as each one came
        self._waiting, self._most = set[int](), most
        self._full, self._overfull = threading.Event(), threading.Event()

    def visit(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(4096)
            self._waiting.add(connection.fileno())
            self.counts.append(len(self._waiting))
            if len(self.counts) >= self._most:
                self._full.set()
            if len(self._waiting) > self._most:
                self._overfull.set()
            self._full.wait(30)
            self._overfull.wait(0.2)  # for one that must not come
            self._waiting.discard(connection.fileno())
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")


@contextmanager
def crowded(most: int) -> Iterator[tuple[str, Crowd]]:
    crowd = Crowd(most)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=crowd.visit, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/", crowd
        finally:
            server.shutdown(socket.SHUT_RDWR)
            serving.join()


def test_a_process_has_only_so_many_pictures_under_way() -> None:
    with crowded(AT_ONCE) as (url, crowd):
        results = fetched(*(f"{url}{number}" for number in range(AT_ONCE + 20)))
        assert [result for result in results if isinstance(result, BadImage)] == []
        assert len(crowd.counts) == AT_ONCE + 20
        assert max(crowd.counts) == AT_ONCE


def test_one_request_has_fewer_of_them_under_way(lookout: httpx.Client) -> None:
    with crowded(OF_ONE_REQUEST) as (url, crowd):
        urls = [f"{url}{number}" for number in range(OF_ONE_REQUEST + 4)]
        answer = ask(lookout, *map(image, urls))
        assert answer.json()["error"]["code"] == "bad_image"  # what they sent is none
        assert max(crowd.counts) == OF_ONE_REQUEST


def test_a_picture_that_stands_in_a_request_twice_is_fetched_once(
    lookout: httpx.Client, origin: Origin
) -> None:
    url = origin.url("picture?twice")
    answer = ask(lookout, *[image(url)] * 5, image(origin.url("picture?other")))
    assert [picture.colour for picture in seen(answer)] == [GREEN] * 6
    assert origin.asked.count("picture?twice") == 1
