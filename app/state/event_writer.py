"""Writes events, each once: into its user's history and into the stream, or into neither.

A script does it for one user at a time, whole or not at all, also when the server is killed. It
marks what it has taken: 8 bytes of the id's hash each, in three sets of at most ``MARKS``, the
oldest set forgotten when the newest is full. Since it writes a user's keys and the stream of all
users at once, all have to be on one server: users are not spread over a Redis Cluster.
"""

from collections.abc import Sequence
from enum import IntEnum
from hashlib import blake2b, sha1

import orjson

from app.state.event_codec import HISTORY_LIMIT, Event, events_key, history_key
from app.state.hidden_items import MAX_HIDDEN, hidden_key, hidden_member
from app.state.keys import user_key
from app.state.store import CommandPart, Store
from app.state.user_store import attributes_key

STREAM_LIMIT = 1_000_000  # newest events that are kept for followers, about
MARKS = 512  # ids in one set: as many as the server keeps as plain integers, 8 bytes each
GENERATIONS = ("m0", "m1", "m2")  # two full ones hold a whole batch of 1,000
LIFETIME = 30 * 86_400  # seconds after the user's last event that its id is known again

# KEYS: the three sets of marks, newest first; history; stream; what is hidden; attributes. ARGV:
# limits of history, stream, marks and hidden, lifetime of marks, names of attributes to carry; then
# of each event its mark, time, member, entry less its end, and what it hides or "".
SCRIPT = """
local told, n = {}, 0
local ending, names = ']', cjson.decode(ARGV[6])
local kept = #names > 0 and redis.call('GET', KEYS[7])
if kept then
  local sound, attributes = pcall(cjson.decode, kept)
  local carried = {}
  if sound and type(attributes) == 'table' then
    for _, name in ipairs(names) do carried[name] = attributes[name] end
  end
  if next(carried) then ending = ',' .. cjson.encode(carried) .. ']' end
end
local newest = tonumber(redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES')[2]) or 0
for at = 7, #ARGV, 5 do
  n = n + 1
  told[n] = 0
  for which = 1, 3 do
    if redis.call('SISMEMBER', KEYS[which], ARGV[at]) == 1 then told[n] = 1 break end
  end
  if told[n] == 0 then
    if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[3]) then
      if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[3]) end
      redis.call('RENAME', KEYS[1], KEYS[2])
    end
    redis.call('SADD', KEYS[1], ARGV[at])
    if tonumber(ARGV[at + 1]) < newest then told[n] = 3 else newest = tonumber(ARGV[at + 1]) end
    redis.call('ZADD', KEYS[4], 'NX', ARGV[at + 1], ARGV[at + 2])
    redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[at + 3] .. ending)
    if ARGV[at + 4] ~= '' then
      redis.call('ZADD', KEYS[6], 'GT', ARGV[at + 1], ARGV[at + 4])
      redis.call('ZREMRANGEBYRANK', KEYS[6], 0, -ARGV[4] - 1)
    end
  end
end
for which = 1, 3 do redis.call('EXPIRE', KEYS[which], ARGV[5]) end
if redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -ARGV[1] - 1) > 0 then
  for i = 1, n do
    if told[i] ~= 1 and not redis.call('ZSCORE', KEYS[4], ARGV[5 * i + 4]) then told[i] = 2 end
  end
end
return told
"""
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # by which the server names it


class AppendOutcome(IntEnum):
    """What became of one event."""

    NEW = 0
    DUPLICATE = 1  # the user has had an event of this id; nothing was changed
    TOO_OLD = 2  # counted, but older than all that the user's full history keeps
    OUT_OF_ORDER = 3  # landed at its place: the user had had a newer one before


def marks_keys(prefix: str, user: str) -> list[str]:
    """Name the sets of ids that were taken of a user, newest first."""
    return [user_key(prefix, user, part) for part in GENERATIONS]


async def append_events(  # noqa: PLR0913, PLR0917 - the last is seldom there
    store: Store,
    prefix: str,
    events: Sequence[Event],
    limit: int = HISTORY_LIMIT,
    stream_limit: int = STREAM_LIMIT,
    carried: Sequence[str] = (),
) -> list[AppendOutcome]:
    """Write events to their users' histories and to the stream, in one round trip.

    An event whose id the user has had changes nothing, whatever else it says; a late one lands at
    its place. At least the last 1,024 ids of each user are known. After an error some may be
    written; write all again.

    Args:
        store: where to.
        prefix: of all keys.
        events: of any users, in any order.
        limit: the newest events that each history keeps.
        stream_limit: about how many entries the stream keeps.
        carried: names of the attributes that entries carry to those who follow, where they are told
            of the user by then.

    Returns:
        What became of each event, in the order given.

    Raises:
        StageError: the store did not confirm all of it.
    """
    if not events:
        return []
    by_user: dict[str, list[int]] = {}
    for place, event in enumerate(events):
        by_user.setdefault(event.user, []).append(place)
    bounds = (limit, stream_limit, MARKS, MAX_HIDDEN, LIFETIME, orjson.dumps(list(carried)))
    runs = [
        (*_keys(prefix, user), *bounds, *(part for n in places for part in _told(events[n])))
        for user, places in by_user.items()
    ]
    first, *others = runs  # EVAL leaves the script with the server, for the others to name
    named = [("EVALSHA", SHA, *run) for run in others]
    replies = await store.pipeline("append", [("EVAL", SCRIPT, *first), *named])
    outcomes = [AppendOutcome.NEW] * len(events)
    for places, reply in zip(by_user.values(), replies, strict=True):
        for place, code in zip(places, reply, strict=True):
            outcomes[place] = AppendOutcome(code)
    return outcomes


def _keys(prefix: str, user: str) -> tuple[CommandPart, ...]:
    kept = (history_key(prefix, user), events_key(prefix), hidden_key(prefix, user))
    keys = (*marks_keys(prefix, user), *kept, attributes_key(prefix, user))
    return (len(keys), *keys)


def _told(event: Event) -> tuple[CommandPart, ...]:
    digest = blake2b(event.event_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    mark = int.from_bytes(digest, "big", signed=True)
    hides = hidden_member(event.type, event.item)
    return mark, float(event.timestamp), event.history_member(), event.stream_entry()[:-1], hides
