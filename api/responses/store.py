"""
Responses as Redis keeps them, so that a conversation can go on.

One hash each: the response with all that was said before it, and the pictures that were
sent; it goes as a whole. There are never more than so many, nor so many bytes of them:
the oldest ones go first.
"""

import asyncio
import base64
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import time
from typing import Any

import msgspec
from redis.asyncio import Redis

from api.responses.ids import is_response
from bus import names
from bus.errors import Unavailable
from bus.redis import translated

log = logging.getLogger(__name__)

MOST_DOCUMENT = 4 * 2**20  # bytes of one response with what was said before, without pictures
MOST_PICTURES = 16 * 2**20  # bytes of the pictures kept with one response
DOCUMENT = "document"  # field of the hash; the others are digests of pictures
TOTAL = "total"  # field of the sizes

_FORGET = """
local function forget(id)
  redis.call('HINCRBY', KEYS[2], 'total', -tonumber(redis.call('HGET', KEYS[2], id) or 0))
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[1], id)
  return redis.call('UNLINK', KEYS[3] .. id)
end
"""
# Pictures are copied from where the request has put them; one that does not fit is left out.
_KEEP = (
    _FORGET
    + """
local id, document = ARGV[1], ARGV[2]
local now, keep_s, most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local room, room_pictures = tonumber(ARGV[6]), tonumber(ARGV[7])
local key, size, fields = KEYS[3] .. id, #document, {'document', document}
for i = 4, #KEYS do
  local bytes = redis.call('STRLEN', KEYS[i])
  if bytes > 0 and bytes <= room_pictures and size + bytes <= room then
    room_pictures = room_pictures - bytes
    size = size + bytes
    fields[#fields + 1] = ARGV[i + 4]
    fields[#fields + 1] = redis.call('GET', KEYS[i])
  end
end
if size > room then return 0 end
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do forget(old) end
while redis.call('ZCARD', KEYS[1]) >= most
  or tonumber(redis.call('HGET', KEYS[2], 'total') or 0) + size > room do
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not oldest then break end
  forget(oldest)
end
redis.call('HSET', key, unpack(fields))
redis.call('ZADD', KEYS[1], now + keep_s, id)
redis.call('HSET', KEYS[2], id, size)
redis.call('HINCRBY', KEYS[2], 'total', size)
for _, kept in ipairs({KEYS[1], KEYS[2], key}) do
  redis.call('PEXPIRE', kept, math.ceil(keep_s * 1000))
end
return 1
"""
)
_REMOVE = _FORGET + "return forget(ARGV[1])"


class Kept(msgspec.Struct, frozen=True):
    """A response and what the model was told for it, as items; the newest is the last one."""

    owner: str  # the key that may read it
    response: dict[str, Any]
    items: list[dict[str, Any]]


@dataclass(frozen=True)
class Limits:
    keep_s: float  # 0: nothing is kept
    most: int
    size_bytes: int  # of all together


_decoder = msgspec.json.Decoder(Kept)


class Store:
    def __init__(self, redis: Redis, limits: Limits) -> None:
        self._redis, self._limits = redis, limits

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self._limits.keep_s > 0

    async def keep(self, kept: Kept, digests: Sequence[str]) -> bool:
        """Whether it is kept from now on, with as many of the pictures as there is room for."""
        document = msgspec.json.encode(kept)
        limits = self._limits
        if not self.keeps or len(document) > MOST_DOCUMENT:
            return False
        keys = [names.image(digest) for digest in digests]
        numbers = [time(), limits.keep_s, limits.most, limits.size_bytes, MOST_PICTURES]
        try:
            async with translated():
                done: Any = await self._script(
                    _KEEP, keys, kept.response["id"], document, *numbers, *digests
                )
        except Unavailable:  # the answer is there, and worth more than that it is kept
            log.warning("response not kept id=%s", kept.response["id"])
            return False
        return bool(done)

    async def get(self, response: str, owner: str) -> Kept | None:
        """None also for the response of another owner. Raise `Unavailable`."""
        if not is_response(response):
            return None
        async with translated():
            document: Any = await self._redis.hget(names.response(response), DOCUMENT)
        kept = _decoder.decode(document) if document else None
        return kept if kept and kept.owner == owner else None

    async def pictures(self, response: str, digests: Collection[str]) -> Mapping[str, str]:
        """Those that are still there, by their digests, as data URLs."""
        wanted = list(digests)
        if not wanted:
            return {}
        async with translated():
            found: Any = await self._redis.hmget(names.response(response), wanted)
        return await asyncio.to_thread(_data_urls, zip(wanted, found, strict=True))

    async def remove(self, response: str) -> bool:
        async with translated():
            return bool(await self._script(_REMOVE, [], response))

    async def _script(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:
        keys = [names.RESPONSES, names.RESPONSE_SIZES, names.response(""), *keys]
        return await self._redis.eval(script, len(keys), *keys, *arguments)


def _data_urls(pictures: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    return {
        digest: f"data:;base64,{base64.b64encode(data).decode()}"
        for digest, data in pictures
        if data
    }
