"""Compares the project's metrics with those of ranx, user by user. Runs where ranx is installed.

    python -m benchmarks.quality.peers.cross_check FILE

Two definitions differ and are converted: ranx divides average precision by all relevant items,
and it takes gains, not grades, which must be whole: grades are rounded before both sides see them.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from ranx import Qrels, Run, evaluate

from offline.evaluate import metrics
from offline.evaluate.metrics import Lists, PerUser
from offline.evaluate.rowsets import RowSets

BINARY = ("ndcg@10", "ndcg@20", "precision@10", "recall@20", "map@10", "hit_rate@10")


def largest_difference(lists: Lists, relevant: RowSets) -> float:
    """Return the largest absolute difference over users and metrics."""
    whole = np.maximum(np.rint(relevant.grades), 1).astype(np.int64)
    relevant = RowSets(relevant.indptr, relevant.rows, whole.astype(np.float32))
    judged = metrics.grade_lists(lists, relevant)
    run = Run(_ranked(lists))
    ours = {
        "ndcg@10": metrics.ndcg(judged, 10),
        "ndcg@20": metrics.ndcg(judged, 20),
        "precision@10": metrics.precision(judged, 10),
        "recall@20": metrics.recall(judged, 20),
        "map@10": metrics.average_precision(judged, 10)
        * np.minimum(10, judged.sizes)
        / judged.sizes,
        "hit_rate@10": metrics.hit_rate(judged, 10),
    }
    theirs = evaluate(_qrels(relevant, np.ones_like(whole)), run, list(BINARY), return_mean=False)
    graded = evaluate(_qrels(relevant, 2**whole - 1), run, "ndcg@10", return_mean=False)
    gaps = [_gap(ours[name], theirs[name]) for name in BINARY]
    return max(*gaps, _gap(metrics.ndcg(judged, 10, graded=True), graded))


def _gap(ours: PerUser, theirs: PerUser) -> float:
    return float(np.abs(ours - np.asarray(theirs)).max())


def _ranked(lists: Lists) -> dict[str, dict[str, float]]:
    """Name users so that they sort in order; an empty list gets an item that is not relevant."""
    return {
        f"{user:09d}": {str(row): -float(place) for place, row in enumerate(rows) if row >= 0}
        or {"nothing": 0.0}
        for user, rows in enumerate(lists)
    }


def _qrels(relevant: RowSets, gains: NDArray[np.int64]) -> Qrels:
    starts, ends = relevant.indptr[:-1], relevant.indptr[1:]
    return Qrels(
        {
            f"{user:09d}": {
                str(row): int(gain)
                for row, gain in zip(relevant.rows[low:high], gains[low:high], strict=True)
            }
            for user, (low, high) in enumerate(zip(starts, ends, strict=True))
        }
    )


if __name__ == "__main__":
    with np.load(Path(sys.argv[1]), allow_pickle=False) as file:
        targets = RowSets(file["indptr"], file["rows"], file["grades"])
        names = [name for name in file.files if name.startswith("lists ")]
        sys.stdout.write(f"{max(largest_difference(file[name], targets) for name in names)}\n")
