"""
Cameras on the network that answer ONVIF's probe: one packet to everybody, then listen.

https://docs.oasis-open.org/ws-dd/discovery/1.1: WS-Discovery, as ONVIF devices speak it.
"""

import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

EVERYBODY = ("239.255.255.250", 3702)
LARGEST = 64 * 1024  # bytes of an answer
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
PROBE = """<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{addressing}">
<s:Header><a:MessageID>urn:uuid:{id}</a:MessageID>
<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>
<a:Action>{discovery}/Probe</a:Action></s:Header>
<s:Body><d:Probe xmlns:d="{discovery}" xmlns:n="http://www.onvif.org/ver10/network/wsdl">
<d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"""


@dataclass(frozen=True)
class Found:
    host: str
    name: str  # what it says of itself, if anything


def find(seconds: float, where: tuple[str, int] = EVERYBODY) -> Iterator[Found]:
    """Every camera that answers within *seconds*, once."""
    text = PROBE.format(id=uuid.uuid4(), addressing=ADDRESSING, discovery=DISCOVERY)
    until, seen = monotonic() + seconds, set[str]()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 2)
        probe.sendto(text.encode(), where)
        while (left_s := until - monotonic()) > 0:
            probe.settimeout(left_s)
            try:
                data, (sender, _) = probe.recvfrom(LARGEST)
            except TimeoutError:
                return
            found = parse(data, sender)
            if found and found.host not in seen:
                seen.add(found.host)
                yield found


def parse(data: bytes, sender: str) -> Found | None:
    """What an answer says; None if it is none."""
    if b"<!" in data:  # a document type: nothing that a camera needs, and a way to bombs
        return None
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return None
    match = root.find(f".//{{{DISCOVERY}}}ProbeMatch")
    if match is None:
        return None
    addresses = (match.findtext(f"{{{DISCOVERY}}}XAddrs") or "").split()
    hosts = [host for address in addresses if (host := _host(address))]
    scopes = (match.findtext(f"{{{DISCOVERY}}}Scopes") or "").split()
    return Found(sender if sender in hosts or not hosts else hosts[0], _name(scopes))


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _name(scopes: list[str]) -> str:
    """`onvif://www.onvif.org/name/Front%20door` and `…/hardware/IPC-123` in words."""
    said = dict(scope.rsplit("/", 2)[-2:] for scope in scopes if scope.count("/") >= 2)
    words = [unquote(said[key]) for key in ("name", "hardware") if said.get(key)]
    return " ".join("".join(c for c in word if c.isprintable())[:60] for word in words)
