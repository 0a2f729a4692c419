"""What a player asks for and is answered, method by method. It knows nothing of sockets."""

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Protocol

from bus.keys import Keys
from preview import digest
from preview.outlets import DatagramOutlet, Outlet
from preview.program import Programs
from preview.rtsp import (
    METHODS,
    PUBLIC,
    TRACK,
    Answer,
    Request,
    RtspError,
    base_of,
    is_live_range,
    path_of,
    session_of,
)
from preview.sdp import Video, describe
from preview.transport import Interleaved, Transport, parse_transport
from preview.viewer import Viewer

log = logging.getLogger(__name__)

WRONG_LOGINS = 3  # after so many a connection is over
NOT_OURS = ("ANNOUNCE", "RECORD", "REDIRECT")


@dataclass(frozen=True)
class House:
    """What all players have in common."""

    programs: Programs
    video: Video
    login: digest.Login | None
    keys: Keys | None = None  # each is a password too, with any user name
    timeout_s: float = 60.0  # without a sign of life
    request_s: float = 10.0  # for a request to come whole, and for the first one


class Line(Protocol):
    """The connection to the player, as far as it matters here."""

    here: str  # our address in it
    there: str  # the player's

    async def open(self, transport: Transport, heard: Callable[[], None]) -> Outlet: ...


class Session:
    """A player at one path, playing or not."""

    def __init__(self, path: str, outlet: Outlet, viewer: Viewer) -> None:
        self.id = secrets.token_hex(8)
        self.path, self.outlet, self.viewer = path, outlet, viewer
        self.playing = False


class Dialogue:
    """With one player; it has at most one session at a time."""

    def __init__(self, house: House, line: Line) -> None:
        self._house, self._line = house, line
        self._nonce, self._wrong = secrets.token_hex(16), 0
        self._session: Session | None = None
        self._heard = monotonic()
        self._acts: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "GET_PARAMETER": self._parameter,
            "SET_PARAMETER": self._parameter,
            "TEARDOWN": self._teardown,
        }

    def hear(self) -> None:
        """The player has given a sign of life."""
        self._heard = monotonic()

    @property
    def sign_of_life(self) -> float:
        """The last one, monotonic. One who reads what we send needs not say anything."""
        session = self._session
        return max(self._heard, session.viewer.moved) if session else self._heard

    async def answer(self, request: Request) -> Answer:
        """Raise `RtspError` for what cannot be done."""
        if request.method not in METHODS:
            known = request.method in NOT_OURS
            raise RtspError(405 if known else 501, {"Allow" if known else "Public": PUBLIC})
        if required := request.headers.get("require"):
            raise RtspError(551, {"Unsupported": required[:200]})
        if request.method != "OPTIONS":
            self._check_login(request)
        self.hear()
        return await self._acts[request.method](request)

    def _check_login(self, request: Request) -> None:
        house, given = self._house, request.headers.get("authorization", "")
        if not house.login and not house.keys:
            return
        if house.login and digest.is_right(given, request.method, house.login, self._nonce):
            return
        if house.keys and digest.knows_key(given, request.method, house.keys, self._nonce):
            return
        asked = digest.fields(given).get("nonce")
        stale = asked is not None and asked != self._nonce  # it was another connection's
        self._wrong += asked == self._nonce or bool(given and asked is None)
        ask = {"WWW-Authenticate": digest.challenge(self._nonce, stale=stale)}
        raise RtspError(401, ask, fatal=self._wrong >= WRONG_LOGINS)

    async def _options(self, request: Request) -> Answer:
        if session_of(request.headers):
            self._current(request)
        return Answer(headers={"Public": PUBLIC})

    async def _describe(self, request: Request) -> Answer:
        accepted = request.headers.get("accept", "*/*").lower()
        if not any(kind in accepted for kind in ("application/sdp", "application/*", "*/*")):
            raise RtspError(406)
        path = path_of(request.url)
        await self._house.programs.check(path)
        headers = {"Content-Base": base_of(request.url), "Content-Type": "application/sdp"}
        return Answer(200, headers, describe(path, self._line.here, self._house.video))

    async def _setup(self, request: Request) -> Answer:
        path, session = path_of(request.url), self._session
        if session_of(request.headers):
            self._current(request)
        if session and path != session.path:
            raise RtspError(459)
        if session and session.playing:
            raise RtspError(455)
        transport = parse_transport(request.headers.get("transport", ""))
        await self._house.programs.check(path)
        outlet = await self._line.open(transport, self.hear)
        self._end()
        viewer = Viewer(outlet, partial(self._house.programs.want_key, path))
        session = self._session = Session(path, outlet, viewer)
        way = f"{_way(transport, outlet)};ssrc={viewer.ssrc:08X}"
        return Answer(headers={**self._named(session), "Transport": way})

    async def _play(self, request: Request) -> Answer:
        session = self._current(request)
        if not is_live_range(request.headers.get("range", "")):
            raise RtspError(457)
        if not session.playing:
            session.playing = True
            self._house.programs.join(session.path, session.viewer)
            session.viewer.begin()
            log.info("viewer joined path=%s from=%s", session.path, self._line.there)
        # The time of the first picture is not known yet, so RTP-Info leaves it out.
        info = f"url={base_of(request.url)}{TRACK};seq={session.viewer.sequence}"
        return Answer(headers={**self._named(session), "Range": "npt=now-", "RTP-Info": info})

    async def _pause(self, request: Request) -> Answer:
        session = self._current(request)
        if not session.playing:
            raise RtspError(455)
        self._rest(session)
        return Answer(headers=self._named(session))

    async def _parameter(self, request: Request) -> Answer:
        """We have none; it is asked to keep the session alive."""
        headers = {}
        if session_of(request.headers):
            headers = self._named(self._current(request))
        if request.body.strip():
            raise RtspError(451)
        return Answer(headers=headers)

    async def _teardown(self, request: Request) -> Answer:
        self._current(request)
        self._end()
        return Answer()

    def _current(self, request: Request) -> Session:
        """The session that the request names."""
        asked, session = session_of(request.headers), self._session
        if session is None:
            raise RtspError(454 if asked else 455)
        if asked != session.id:
            raise RtspError(454)
        return session

    def _named(self, session: Session) -> dict[str, str]:
        return {"Session": f"{session.id};timeout={self._house.timeout_s:.0f}"}

    def _rest(self, session: Session) -> None:
        if session.playing:
            session.playing = False
            self._house.programs.leave(session.path, session.viewer)
            seen = session.viewer.shown, session.viewer.missed
            log.info("viewer left path=%s shown=%d missed=%d", session.path, *seen)

    def _end(self) -> None:
        session, self._session = self._session, None
        if session:
            self._rest(session)
            session.viewer.leave()

    def close(self) -> None:
        self._end()


def _way(transport: Transport, outlet: Outlet) -> str:
    if isinstance(transport, Interleaved):
        return f"RTP/AVP/TCP;unicast;interleaved={transport.rtp}-{transport.rtcp}"
    theirs = f"client_port={transport.rtp}-{transport.rtcp}"
    if not isinstance(outlet, DatagramOutlet):
        return f"RTP/AVP;unicast;{theirs}"
    return f"RTP/AVP;unicast;{theirs};server_port={outlet.ports.rtp}-{outlet.ports.rtcp}"
