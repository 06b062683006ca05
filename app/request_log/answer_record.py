"""From an answer to its entry in the served log: what was shown, why, and how to make it again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.contracts import Candidates, Scores, StreamOffsets
from app.features.views import view_hash
from app.funnel import Slate
from app.recall.registry import CHANNELS
from app.request_log.entry_codec import LogEntry
from app.request_log.request_record import RequestRecord

SCORED_STAGES = ("merged", "coarse", "fine", "chosen")  # whose scores are kept
ARRAY_NAMES = ("rows", "slots", "propensities", "scores", "ranks", "signals", "features")
VIEW = view_hash()  # of which columns the features are
LATIN = "latin-1"  # gives every byte a character and back


@dataclass(frozen=True, slots=True, eq=False)
class AnswerRecord:
    """An answer that waits to be written: references, no copies."""

    request_id: str
    at: float  # unix seconds
    bundle: str
    variant: str
    request: RequestRecord
    items: Sequence[str]
    slate: Slate
    settings: Mapping[str, Any]  # those that decide what is shown and are not the default
    worker: str
    items_offset: str = ""  # the last change of an item that this worker knew; "": of none
    items_changed: int | None = 0  # items of which it knew; None: in an order that nobody knows

    def log_entry(self) -> LogEntry:
        """Give what is kept of it."""
        slate, query, pool = self.slate, self.slate.query, self.slate.selection.pool
        told = {
            "request_id": self.request_id,
            "at": self.at,
            "bundle": self.bundle,
            "variant": self.variant,
            "view": VIEW,
            "worker": self.worker,
            "shelf": self.items_offset,
            "changed": self.items_changed,
            "settings": self.settings,
            "asked": asdict(self.request),
            "items": list(self.items),
            "now": query.now,
            "history": len(query.history),
            "said": reply_to_json(query.raw_reply),
            "standing": _standing(query.stream_offsets),
            "social": _social(slate) if query.friends else None,
            "steps": [(s.stage, s.outcome, s.seconds, s.n_in, s.n_out) for s in slate.results],
        }
        arrays = (
            pool.rows.astype(np.int32),
            slate.selection.slots,
            slate.selection.propensities,
            _scores(slate),
            pool.ranks.astype(np.int16),
            pool.signals,
            pool.features,
        )
        return LogEntry(told, dict(zip(ARRAY_NAMES, arrays, strict=True)))


def without_unlogged(slate: Slate) -> Slate:
    """Let go of what no entry tells: a byte for each item of the catalogue, and the filters."""
    query = replace(slate.query, excluded=np.empty(0, np.bool_), filters=())
    return replace(
        slate, query=query, selection=replace(slate.selection, trace=list, rejections=dict)
    )


def request_of(entry: LogEntry) -> RequestRecord:
    """Read what was asked for."""
    told = entry.head["asked"]
    history = tuple(map(tuple, told["history"]))
    return RequestRecord(**(told | {"exclude": tuple(told["exclude"]), "history": history}))


def offsets_of(entry: LogEntry) -> StreamOffsets:
    """Read how far the crowd's state had come."""
    reached, listed, now, trials, total = entry.head["standing"]
    return StreamOffsets(_spans(reached), _spans(listed), now, trials, np.array(total, np.float64))


def _spans(told: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
    return {stream: (first, last) for stream, (first, last) in told.items()}


def reply_to_json(said: Any) -> Any:
    """Turn a reply of the store into JSON."""
    if isinstance(said, bytes):
        return said.decode(LATIN)
    return [reply_to_json(one) for one in said] if isinstance(said, list | tuple) else said


def reply_from_json(told: Any) -> Any:
    """Turn it back; the store says text in bytes."""
    if isinstance(told, str):
        return told.encode(LATIN)
    return [reply_from_json(one) for one in told] if isinstance(told, list) else told


def _standing(standing: StreamOffsets | None) -> list[Any] | None:
    if standing is None:
        return None
    reached, listed = dict(standing.applied), dict(standing.sorted_lists)
    return [reached, listed, standing.now, standing.trials, standing.total.tolist()]


def _social(slate: Slate) -> list[Any]:
    """Give what friends' live events came to: rows and scores of their channel."""
    gave = slate.proposals[CHANNELS.index("social")]
    return [gave.rows.tolist(), gave.scores.tolist()]


def _scores(slate: Slate) -> NDArray[np.float32]:
    """Give each item's score after each stage, (n, 4); NaN where the stage did not have it."""
    shown = slate.selection.pool
    pools = (slate.merged, slate.coarse, slate.fine)
    return np.stack([*(scores_of(pool, shown) for pool in pools), shown.scores], axis=1)


def scores_of(pool: Candidates, wanted: Candidates) -> Scores:
    """Give the score in ``pool`` of each row of ``wanted``; NaN where it is not there."""
    if not len(pool):
        return np.full(len(wanted), np.nan, np.float32)
    order = pool.rows.argsort(kind="stable")
    at = np.minimum(pool.rows.searchsorted(wanted.rows, sorter=order), len(pool) - 1)
    found = order[at]
    known = pool.rows[found] == wanted.rows
    return np.where(known, pool.scores[found], np.float32(np.nan)).astype(np.float32)
