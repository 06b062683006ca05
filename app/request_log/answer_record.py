"""An entry of the request log: what is logged of an answer, and how it is packed into bytes.

The bytes are a JSON head, then the arrays, compressed together. The entry holds what was shown,
why, and how to repeat it.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from app.contracts import Candidates, Proposal, Rows, Scores, StreamOffsets
from app.deadline import StageResult
from app.features.views import view_hash
from app.funnel import FunnelRun
from app.kernels.rerank import find_scores
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
SOCIAL_COLUMN = CHANNELS.index("social")
REQUEST_FIELDS = [field.name for field in fields(RequestRecord)]
LATER_FIELDS = ("candidates", "boosts", "pins")  # unknown to earlier releases: left out if empty
ARRAY_NAMES = ("rows", "slots", "propensities", "scores", "ranks", "signals", "features")
VIEW = view_hash()  # which columns the logged features are
BYTE_ENCODING = "latin-1"  # maps each byte to one character and back


class LoggedRun(NamedTuple):
    """What is logged of a run: references to arrays that nothing changes, about 30 kB."""

    shown: Candidates
    slots: NDArray[np.int8]
    propensities: Scores
    ranked: Sequence[tuple[Rows, Scores]]  # the pool after recall, coarse and fine
    now: float
    history_length: int
    raw_reply: Sequence[Any]
    stream_offsets: StreamOffsets | None
    social: Proposal | None  # it rests on friends' live events; None for a user without friends
    results: Sequence[StageResult]

    @classmethod
    def of(cls, run: FunnelRun) -> "LoggedRun":
        """Drop what is not logged, such as the filters and the features of what is not shown."""
        query, slate = run.query, run.slate
        return cls(
            slate.pool,
            slate.slots,
            slate.propensities,
            [(pool.rows, pool.scores) for pool in (run.merged, run.coarse, run.fine)],
            query.now,
            len(query.history),
            query.raw_reply,
            query.stream_offsets,
            run.proposals[SOCIAL_COLUMN] if query.friends else None,
            run.results,
        )


@dataclass(frozen=True, slots=True, eq=False)
class AnswerRecord:
    """An answer that waits to be written. It holds references, no copies."""

    request_id: str
    at: float  # unix seconds
    bundle: str
    variant: str
    request: RequestRecord
    items: Sequence[str]
    run: LoggedRun
    settings: Mapping[str, Any]  # those that decide what is shown and are not the default
    worker: str
    items_offset: str = ""  # newest change of an item that the worker had applied; "": none
    items_changed: int | None = 0  # changed items it had applied; None: in an unknown order
    rules_version: int = 0  # of the rules in ``settings``; 0: there were none

    def log_entry(self) -> LogEntry:
        """Return what is logged of it."""
        run, shown = self.run, self.run.shown
        scores = [find_scores(rows, scores, shown.rows) for rows, scores in run.ranked]
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
            "request": {
                name: getattr(self.request, name)
                for name in REQUEST_FIELDS
                if name not in LATER_FIELDS or getattr(self.request, name)
            },
            "items": list(self.items),
            "now": run.now,
            "history_length": run.history_length,
            "raw_reply": reply_to_json(run.raw_reply),
            "offsets": _encode_offsets(run.stream_offsets),
            "social": [run.social.rows.tolist(), run.social.scores.tolist()]
            if run.social
            else None,
            "steps": [
                (s.stage, s.outcome, round(s.seconds, 6), s.n_in, s.n_out) for s in run.results
            ],
        }
        if self.rules_version:
            head["rules_version"] = self.rules_version
        arrays = (
            shown.rows.astype(np.int32),
            run.slots,
            run.propensities,
            np.stack([*scores, shown.scores], axis=1),
            shown.ranks.astype(np.int16),
            shown.signals,
            shown.features,
        )
        return LogEntry(head, dict(zip(ARRAY_NAMES, arrays, strict=True)))


def request_of(entry: LogEntry) -> RequestRecord:
    """Return the request of an entry."""
    fields = entry.head["request"]
    lists = {name: tuple(fields.get(name, ())) for name in ("exclude", "candidates", "boosts")}
    pairs = {name: tuple(map(tuple, fields.get(name, ()))) for name in ("history", "pins")}
    return RequestRecord(**(fields | lists | pairs))


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
