"""Write events, each once: to its user's history and to the stream, or to neither.

A script does this for one user at a time. It is atomic, also when the server is killed. It
remembers the events that it has accepted: 8 bytes of the hash of each id, in three sets of at most
``MAX_MARKS``. When the newest set is full, the oldest is dropped. The script writes a user's keys
and the stream of all users together, so all of them must be on one server: users are not spread
over a Redis Cluster.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b, sha1

import orjson

from app.state.event_codec import Event, events_key
from app.state.store import CommandPart, Store
from app.state.user_store import (
    MAX_ANNOUNCED,
    MAX_HIDDEN,
    MAX_STORED_EVENTS,
    attributes_key,
    change_count_key,
    exclusion_log_key,
    exclusions_key,
    hidden_key,
    hidden_member,
    history_key,
    user_digest,
    user_key,
)

STREAM_LIMIT = 1_000_000  # newest events that the stream keeps, about
MAX_MARKS = 512  # ids in one set: as many as the server stores as plain integers, 8 bytes each
MARK_PARTS = ("m0", "m1", "m2")  # two full sets hold a whole batch of 1,000
DAY = 86_400  # seconds
MARK_TTL = 30 * DAY  # seconds after the user's last event

# KEYS: the three sets of marks, newest first; history; stream; hidden items; attributes; what any
# user has hidden, the stream of its changes, and their number. ARGV: the limits of history, stream,
# marks and hidden items; TTL of the marks; names of the attributes to add to entries; the limit of
# the changes; digest of the user; TTL of the history, 0: none. Then for each event: its mark, time,
# history member, stream entry without its closing bracket, and hidden member or "". The reply has
# an ``AppendOutcome`` for each.
SCRIPT = """
local outcomes, n = {}, 0
local ending, names = ']', cjson.decode(ARGV[6])
local stored = #names > 0 and redis.call('GET', KEYS[7])
if stored then
  local is_valid, attributes = pcall(cjson.decode, stored)
  local carried = {}
  if is_valid and type(attributes) == 'table' then
    for _, name in ipairs(names) do carried[name] = attributes[name] end
  end
  if next(carried) then ending = ',' .. cjson.encode(carried) .. ']' end
end
local newest = tonumber(redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES')[2]) or 0
for at = 10, #ARGV, 5 do
  n = n + 1
  outcomes[n] = 0
  for which = 1, 3 do
    if redis.call('SISMEMBER', KEYS[which], ARGV[at]) == 1 then outcomes[n] = 1 break end
  end
  if outcomes[n] == 0 then
    if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[3]) then
      if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[3]) end
      redis.call('RENAME', KEYS[1], KEYS[2])
    end
    redis.call('SADD', KEYS[1], ARGV[at])
    if tonumber(ARGV[at + 1]) < newest then outcomes[n] = 3 else newest = tonumber(ARGV[at + 1]) end
    redis.call('ZADD', KEYS[4], 'NX', ARGV[at + 1], ARGV[at + 2])
    redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[at + 3] .. ending)
    if ARGV[at + 4] ~= '' then
      redis.call('ZADD', KEYS[6], 'GT', ARGV[at + 1], ARGV[at + 4])
      redis.call('ZREMRANGEBYRANK', KEYS[6], 0, -ARGV[4] - 1)
      local change = {'u', ARGV[8]}
      if string.sub(ARGV[at + 4], 1, 1) == 'h' then
        change[3], change[4] = 'm', 'i' .. string.sub(ARGV[at + 4], 2)
        redis.call('SADD', KEYS[8], change[4])
      end
      redis.call('INCR', KEYS[10])
      redis.call('XADD', KEYS[9], 'MAXLEN', '~', ARGV[7], '*', unpack(change))
    end
  end
end
for which = 1, 3 do redis.call('EXPIRE', KEYS[which], ARGV[5]) end
if ARGV[9] == '0' then redis.call('PERSIST', KEYS[4])
else redis.call('EXPIRE', KEYS[4], ARGV[9]) end
if redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -ARGV[1] - 1) > 0 then
  for i = 1, n do
    local is_kept = redis.call('ZSCORE', KEYS[4], ARGV[5 * i + 7])
    if outcomes[i] ~= 1 and not is_kept then outcomes[i] = 2 end
  end
end
return outcomes
"""
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # its name on the server


class AppendOutcome(IntEnum):
    """The result of writing one event."""

    NEW = 0
    DUPLICATE = 1  # the user already has an event with this id; nothing was changed
    TOO_OLD = 2  # counted, but older than everything in the user's full history
    OUT_OF_ORDER = 3  # inserted by its time: the user already had a newer event


@dataclass(frozen=True, slots=True)
class KeyLifetimes:
    """Seconds after a user's last event until keys of the user expire."""

    event_ids: int = MARK_TTL
    history: int = 0  # 0: never

    @classmethod
    def of_days(cls, event_ids: int, history: int) -> "KeyLifetimes":
        return cls(event_ids * DAY, history * DAY)


DEFAULT_LIFETIMES = KeyLifetimes()


def marks_keys(prefix: str, user: str) -> list[str]:
    """Return the keys of the sets of a user's accepted event ids, newest first."""
    return [user_key(prefix, user, part) for part in MARK_PARTS]


async def append_events(  # noqa: PLR0913, PLR0917 - the last four are seldom passed
    store: Store,
    prefix: str,
    events: Sequence[Event],
    limit: int = MAX_STORED_EVENTS,
    stream_limit: int = STREAM_LIMIT,
    attribute_names: Sequence[str] = (),
    lifetimes: KeyLifetimes = DEFAULT_LIFETIMES,
) -> list[AppendOutcome]:
    """Write events to their users' histories and to the stream, in one round trip.

    An event with an id that the user already has changes nothing, whatever else it contains. A
    late event is inserted by its time. At least the last 1,024 ids of each user are remembered.
    After an error some events may be written: write all of them again.

    Args:
        store: to write to.
        prefix: of all keys.
        events: of any users, in any order.
        limit: newest events that each history keeps.
        stream_limit: entries that the stream keeps, about.
        attribute_names: attributes of the user to add to the stream entries.
        lifetimes: when keys of users without new events expire.

    Returns:
        The outcome of each event, in the order of ``events``.

    Raises:
        StageError: the store did not confirm all of it.
    """
    if not events:
        return []
    by_user: dict[str, list[int]] = {}
    for position, event in enumerate(events):
        by_user.setdefault(event.user, []).append(position)
    names = orjson.dumps(list(attribute_names))
    counts = (limit, stream_limit, MAX_MARKS, MAX_HIDDEN)
    bounds = (*counts, lifetimes.event_ids, names, MAX_ANNOUNCED)
    runs = []
    for user, positions in by_user.items():
        parts = (part for n in positions for part in _arguments(events[n]))
        runs.append((*_keys(prefix, user), *bounds, user_digest(user), lifetimes.history, *parts))
    first, *others = runs  # EVAL stores the script on the server, so that EVALSHA can name it
    by_hash = [("EVALSHA", SHA, *run) for run in others]
    replies = await store.pipeline("append", [("EVAL", SCRIPT, *first), *by_hash])
    outcomes = [AppendOutcome.NEW] * len(events)
    for positions, reply in zip(by_user.values(), replies, strict=True):
        for position, code in zip(positions, reply, strict=True):
            outcomes[position] = AppendOutcome(code)
    return outcomes


def _keys(prefix: str, user: str) -> tuple[CommandPart, ...]:
    user_keys = (history_key(prefix, user), events_key(prefix), hidden_key(prefix, user))
    shared_keys = (exclusions_key(prefix), exclusion_log_key(prefix), change_count_key(prefix))
    keys = (*marks_keys(prefix, user), *user_keys, attributes_key(prefix, user), *shared_keys)
    return (len(keys), *keys)


def id_mark(event_id: str) -> int:
    """Return the mark by which an accepted event is remembered."""
    digest = blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _arguments(event: Event) -> tuple[CommandPart, ...]:
    hidden = hidden_member(event.type, event.item)
    return (
        id_mark(event.event_id),
        float(event.timestamp),
        event.history_member(),
        event.stream_entry()[:-1],
        hidden,
    )
