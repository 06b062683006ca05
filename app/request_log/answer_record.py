"""An entry of the request log: what is logged of an answer, and how it is packed into bytes.

The bytes are a JSON head, then the arrays, compressed together. The entry holds what was shown,
why, and how to repeat it.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import NO_ROWS, Candidates, Scores, StreamOffsets
from app.features.views import view_hash
from app.funnel import FunnelRun
from app.recall.registry import CHANNELS
from app.request_log.request_record import RequestRecord

COMPRESSION_LEVEL = 1  # a higher one saves 3 % and costs three times as much time
HEAD_SIZE = struct.Struct("<I")
# Fields of the head under the names of the first release, so that its logs and archives stay
# readable and this release's can be read by it.
STORED_NAMES = {
    "items_offset": "shelf",
    "items_changed": "changed",
    "request": "asked",
    "history_length": "history",
    "raw_reply": "said",
    "offsets": "standing",
}
FIELD_NAMES = {stored: name for name, stored in STORED_NAMES.items()}


class LogEntryError(Exception):
    """The bytes are not an entry of the request log."""


@dataclass(frozen=True, slots=True, eq=False)
class LogEntry:
    """The stored data of one answer. ``app.request_log.answer_record`` defines the fields."""

    head: Mapping[str, Any]  # plain JSON
    arrays: Mapping[str, NDArray[Any]]  # by name, one row for each item in the order shown

    def pack(self) -> bytes:
        """Return the stored bytes."""
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        shapes = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
        head = orjson.dumps({"told": to_stored(self.head), "arrays": shapes})
        parts = [HEAD_SIZE.pack(len(head)), head, *(array.tobytes() for array in arrays.values())]
        return zlib.compress(b"".join(parts), COMPRESSION_LEVEL)

    @classmethod
    def unpack(cls, stored: bytes) -> "LogEntry":
        """Read stored bytes.

        Raises:
            LogEntryError: they are not an entry.
        """
        try:
            plain = zlib.decompress(stored)
            at = HEAD_SIZE.size + HEAD_SIZE.unpack_from(plain)[0]
            head = orjson.loads(plain[HEAD_SIZE.size : at])
            arrays = {}
            for name, kind, shape in head["arrays"]:
                dtype, size = np.dtype(kind), int(np.prod(shape))
                arrays[name] = np.frombuffer(plain, dtype, size, at).reshape(shape)
                at += size * dtype.itemsize
            return cls(from_stored(head["told"]), arrays)
        except (zlib.error, struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LogEntryError(f"an entry of the request log cannot be read: {error}") from error


def to_stored(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a head under their stored names."""
    return {STORED_NAMES.get(name, name): value for name, value in head.items()}


def from_stored(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored fields of a head under their names."""
    return {FIELD_NAMES.get(name, name): value for name, value in stored.items()}


SCORED_STAGES = ("merged", "coarse", "fine", "chosen")  # whose scores are logged
ARRAY_NAMES = ("rows", "slots", "propensities", "scores", "ranks", "signals", "features")
VIEW = view_hash()  # which columns the logged features are
BYTE_ENCODING = "latin-1"  # maps each byte to one character and back


@dataclass(frozen=True, slots=True, eq=False)
class AnswerRecord:
    """An answer that waits to be written. It holds references, no copies."""

    request_id: str
    at: float  # unix seconds
    bundle: str
    variant: str
    request: RequestRecord
    items: Sequence[str]
    run: FunnelRun
    settings: Mapping[str, Any]  # those that decide what is shown and are not the default
    worker: str
    items_offset: str = ""  # newest change of an item that the worker had applied; "": none
    items_changed: int | None = 0  # changed items it had applied; None: in an unknown order

    def log_entry(self) -> LogEntry:
        """Return what is logged of it."""
        run, query, pool = self.run, self.run.query, self.run.slate.pool
        head = {
            "request_id": self.request_id,
            "at": self.at,
            "bundle": self.bundle,
            "variant": self.variant,
            "view": VIEW,
            "worker": self.worker,
            "items_offset": self.items_offset,
            "items_changed": self.items_changed,
            "settings": self.settings,
            "request": asdict(self.request),
            "items": list(self.items),
            "now": query.now,
            "history_length": len(query.history),
            "raw_reply": reply_to_json(query.raw_reply),
            "offsets": _encode_offsets(query.stream_offsets),
            "social": _social(run) if query.friends else None,
            "steps": [(s.stage, s.outcome, s.seconds, s.n_in, s.n_out) for s in run.results],
        }
        arrays = (
            pool.rows.astype(np.int32),
            run.slate.slots,
            run.slate.propensities,
            _scores(run),
            pool.ranks.astype(np.int16),
            pool.signals,
            pool.features,
        )
        return LogEntry(head, dict(zip(ARRAY_NAMES, arrays, strict=True)))


def without_unlogged(run: FunnelRun) -> FunnelRun:
    """Drop what is not logged: a byte for each item of the catalogue, and the filters."""
    query = replace(run.query, excluded=NO_ROWS, filters=())
    return replace(run, query=query, slate=replace(run.slate, trace=list, rejections=dict))


def request_of(entry: LogEntry) -> RequestRecord:
    """Return the request of an entry."""
    fields = entry.head["request"]
    history = tuple(map(tuple, fields["history"]))
    return RequestRecord(**(fields | {"exclude": tuple(fields["exclude"]), "history": history}))


def offsets_of(entry: LogEntry) -> StreamOffsets:
    """Return the stream offsets that the counters had reached."""
    applied, sorted_lists, now, trials, total = entry.head["offsets"]
    totals = np.array(total, np.float64)
    return StreamOffsets(_spans(applied), _spans(sorted_lists), now, trials, totals)


def _spans(stored: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
    return {stream: (first, last) for stream, (first, last) in stored.items()}


def reply_to_json(reply: Any) -> Any:
    """Return a reply of the store as JSON."""
    if isinstance(reply, bytes):
        return reply.decode(BYTE_ENCODING)
    return [reply_to_json(part) for part in reply] if isinstance(reply, list | tuple) else reply


def reply_from_json(logged: Any) -> Any:
    """Return the reply that ``reply_to_json`` logged. All text becomes bytes again."""
    if isinstance(logged, str):
        return logged.encode(BYTE_ENCODING)
    return [reply_from_json(part) for part in logged] if isinstance(logged, list) else logged


def _encode_offsets(offsets: StreamOffsets | None) -> list[Any] | None:
    if offsets is None:
        return None
    applied, sorted_lists = dict(offsets.applied), dict(offsets.sorted_lists)
    return [applied, sorted_lists, offsets.now, offsets.trials, offsets.total.tolist()]


def _social(run: FunnelRun) -> list[Any]:
    """Return the rows and scores of the social channel, which rest on friends' live events."""
    social = run.proposals[CHANNELS.index("social")]
    return [social.rows.tolist(), social.scores.tolist()]


def _scores(run: FunnelRun) -> NDArray[np.float32]:
    """Return each item's score after each stage, (n, 4); NaN if the stage did not have the item."""
    shown = run.slate.pool
    pools = (run.merged, run.coarse, run.fine)
    return np.stack([*(scores_of(pool, shown) for pool in pools), shown.scores], axis=1)


def scores_of(pool: Candidates, wanted: Candidates) -> Scores:
    """Return the score in ``pool`` of each row of ``wanted``; NaN if the row is absent."""
    if not len(pool):
        return np.full(len(wanted), np.nan, np.float32)
    order = pool.rows.argsort(kind="stable")
    at = np.minimum(pool.rows.searchsorted(wanted.rows, sorter=order), len(pool) - 1)
    candidates = order[at]
    is_present = pool.rows[candidates] == wanted.rows
    scores = np.where(is_present, pool.scores[candidates], np.float32(np.nan))
    return scores.astype(np.float32)
