"""
Logging in: the digest of RFC 2069, which all players know, asked for and answered. Pure.

A nonce belongs to one connection, so an answer that was overheard opens no other one.
"""

import base64
import binascii
import hashlib
import hmac
import re

from bus.keys import Keys

REALM = "Lookout"

Login = tuple[str, str]  # user and password

_FIELD = re.compile(r'([A-Za-z]+)=(?:"([^"]*)"|([^\s,"]*))')


def challenge(nonce: str, *, stale: bool = False) -> str:
    """What `WWW-Authenticate` says; *stale*: the password may be right, the nonce is not."""
    return f'Digest realm="{REALM}", nonce="{nonce}"' + (", stale=TRUE" if stale else "")


def fields(header: str) -> dict[str, str]:
    """The fields of a `Digest ...` header, the first of each name; empty for any other."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    found = dict[str, str]()
    for name, quoted, plain in _FIELD.findall(rest):
        found.setdefault(name.lower(), quoted or plain)
    return found


def is_right(header: str, method: str, login: Login, nonce: str) -> bool:
    """Whether *header* proves that its sender knows the password."""
    given = fields(header)
    right = response(login, REALM, nonce, f"{method}:{given.get('uri', '')}")
    named = given.get("username", ""), given.get("nonce", ""), given.get("response", "").lower()
    expected = login[0], nonce, right
    # All three, always: how long it takes tells nobody which one was wrong.
    same = [
        hmac.compare_digest(one.encode(), other.encode())
        for one, other in zip(named, expected, strict=True)
    ]
    return all(same)


def knows_key(header: str, method: str, keys: Keys, nonce: str) -> bool:
    """
    Whether *header* proves that its sender knows one of *keys*; the user may have any name.

    Who sends it unasked may do so in the open (`Basic`), as to the HTTP API.
    """
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "basic":
        return keys.owner(_password(rest)) is not None
    user = fields(header).get("username", "")
    right = [is_right(header, method, (user, key.secret), nonce) for key in keys.all]
    return any(right)


def _password(encoded: str) -> str:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return text.partition(":")[2]


def response(login: Login, realm: str, nonce: str, what: str, kind: str = "md5") -> str:
    """*what* is the method and the URL: `PLAY:rtsp://host/out`."""

    def digest(text: str) -> str:
        return hashlib.new(kind, text.encode(), usedforsecurity=False).hexdigest()

    user, password = login
    return digest(f"{digest(f'{user}:{realm}:{password}')}:{nonce}:{digest(what)}")


def authorization(asked: str, method: str, url: str, login: Login) -> str:
    """The `Authorization` that a server wants whose `WWW-Authenticate` is *asked*."""
    if not (start := re.search(r"(?i)\bdigest\s", asked)):
        return "Basic " + base64.b64encode(":".join(login).encode()).decode()
    given = fields(asked[start.start() :])
    realm, nonce, algorithm = (given.get(name, "") for name in ("realm", "nonce", "algorithm"))
    kind = "sha256" if algorithm.upper() == "SHA-256" else "md5"
    answer = response(login, realm, nonce, f"{method}:{url}", kind)
    named = f', algorithm="{algorithm}"' if algorithm else ""
    return (
        f'Digest username="{login[0]}", realm="{realm}", nonce="{nonce}", uri="{url}", '
        f'response="{answer}"{named}'
    )
