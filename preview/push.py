"""
Publishing to another RTSP server, which then serves many players, browsers among them.

We are the client: ANNOUNCE, RECORD, and the pictures that players at the same path get.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from random import Random
from time import monotonic
from urllib.parse import unquote, urlsplit

from bus.log import mask
from preview.digest import Login, authorization
from preview.inbox import Inbox
from preview.outlets import InterleavedOutlet
from preview.program import Programs
from preview.rtsp import TRACK, Message, RtspError, encode_request, session_of, status_of
from preview.sdp import Video, describe
from preview.transport import Interleaved
from preview.viewer import Viewer

log = logging.getLogger(__name__)

OPEN_S, ANSWER_S = 5.0, 10.0
KEEP_S = 20.0  # between two signs of life of ours
STUCK_S = 10.0  # who takes nothing for so long is gone
STEADY_S = 30.0  # whoever took our pictures for so long is tried again soon
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0


class PushError(Exception):
    """Why it does not work, in plain words."""


class Target:
    """The server at *url*, whose login, if there is one, is part of it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 554
        self.url = url.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        self.login: Login | None = (user, password) if user else None


class Talk:
    """Our requests in one connection, one after the other."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target
    ) -> None:
        self._reader, self._writer, self._target = reader, writer, target
        self._inbox, self._cseq, self._session, self._asked = Inbox(), 0, "", ""

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Message:
        """The answer; raise `PushError` when it is a refusal."""
        answer = await self._ask(method, url, headers, body)
        if status_of(answer) == 401 and self._target.login and not self._asked:
            self._asked = answer.headers.get("www-authenticate", "")
            answer = await self._ask(method, url, headers, body)
        if status_of(answer) != 200:
            reason = answer.first.partition(" ")[2][:80]
            raise PushError(f"it answers {reason} to {method}")
        self._session = session_of(answer.headers) or self._session
        return answer

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Message:
        self.say(method, url, headers, body)
        async with asyncio.timeout(ANSWER_S):
            while True:
                for item in self._inbox.take():
                    if isinstance(item, Message) and item.headers.get("cseq") == str(self._cseq):
                        return item
                await self.read()

    def say(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Send a request whose answer does not matter."""
        self._cseq += 1
        all_headers = {"CSeq": str(self._cseq), "User-Agent": "Lookout", **(headers or {})}
        if self._session:
            all_headers["Session"] = self._session
        if self._asked and self._target.login:
            all_headers["Authorization"] = authorization(
                self._asked, method, url, self._target.login
            )
        self._writer.write(encode_request(method, url, all_headers, body))

    async def read(self) -> None:
        data = await self._reader.read(4096)
        if not data:
            raise PushError("it closed the connection")
        self._inbox.feed(data)

    def skip(self) -> None:
        """What has been read does not matter."""
        for _ in self._inbox.take():
            pass


async def push(url: str, path: str, programs: Programs, video: Video) -> None:
    """Publish what is at *path* to *url*, again and again, until cancelled."""
    target, dice, failures, told = Target(url), Random(), 0, ""
    while True:
        began = monotonic()
        try:
            await _publish(target, path, programs, video)
        except (OSError, PushError, RtspError) as error:
            reason = _words(error)
        steady = monotonic() - began > STEADY_S
        failures = 1 if steady else failures + 1
        if reason != told or steady:
            log.warning("push failed path=%s to=%s reason=%r", path, mask(url), reason)
            told = reason
        longest_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**failures)
        await asyncio.sleep(dice.uniform(FIRST_WAIT_S, longest_s))


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it gives no answer"
    if isinstance(error, OSError):
        return (error.strerror or "no connection").lower()
    return str(error) if isinstance(error, PushError) else "it does not speak RTSP"


async def _publish(target: Target, path: str, programs: Programs, video: Video) -> None:
    async with asyncio.timeout(OPEN_S):
        reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        talk = Talk(reader, writer, target)
        channels = await _begin(talk, target, describe(path, target.host, video))
        outlet = InterleavedOutlet(writer.transport, channels)
        viewer = Viewer(outlet, partial(programs.want_key, path))
        log.info("push began path=%s to=%s", path, mask(target.url))
        programs.join(path, viewer)
        try:
            await _keep(talk, target, viewer)
        finally:
            programs.leave(path, viewer)
            viewer.leave()
            talk.say("TEARDOWN", target.url)
    finally:
        writer.close()
        if writer.transport.get_write_buffer_size():
            writer.transport.abort()


async def _begin(talk: Talk, target: Target, sdp: bytes) -> Interleaved:
    await talk.ask("ANNOUNCE", target.url, {"Content-Type": "application/sdp"}, sdp)
    transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"}
    answer = await talk.ask("SETUP", f"{target.url}/{TRACK}", transport)
    given = re.search(r"interleaved=(\d{1,3})-(\d{1,3})", answer.headers.get("transport", ""))
    await talk.ask("RECORD", target.url, {"Range": "npt=0.000-"})
    pair = (int(given[1]), int(given[2])) if given else (0, 1)
    return Interleaved(pair[0] & 0xFF, pair[1] & 0xFF)


async def _keep(talk: Talk, target: Target, viewer: Viewer) -> None:
    """Until it fails."""
    said = monotonic()
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await talk.read()
        talk.skip()
        if monotonic() - viewer.moved > STUCK_S:
            raise PushError("it takes no more pictures")
        if monotonic() - said > KEEP_S:
            said = monotonic()
            talk.say("OPTIONS", target.url)
