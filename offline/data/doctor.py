"""Examine a data set: counts, distributions and problems."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offline.data.dataset import Dataset
from offline.data.finding import DataFinding
from offline.data.findings import list_findings
from offline.data.readers import FileCount, LoadedData
from offline.data.repeats import DUPLICATE

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """The result of ``diagnose``. Times are unix seconds, None if the data have none."""

    name: str
    layout: str
    users: int
    items: int
    interactions: int
    span: tuple[float, float] | None
    density: float  # share of all (user, item) pairs with an interaction
    positive: float  # share of the interactions
    negative: float
    events_per_user: tuple[float, ...]  # at QUANTILES, over users with events; empty: none has
    idle_users: int  # listed in a file, without interaction
    idle_items: int
    files: tuple[FileCount, ...]
    bad: pl.DataFrame  # file, line, reason, text; without duplicates
    findings: tuple[DataFinding, ...]


def diagnose(loaded: LoadedData) -> Diagnosis:
    """Return the counts, distributions and findings of the loaded data."""
    dataset, log = loaded.dataset, loaded.dataset.log
    n_users, n_items = len(dataset.users), len(dataset.catalogue)
    per_user = np.bincount(log.users, minlength=n_users)
    per_item = np.bincount(log.items, minlength=n_items)
    pairs = len(np.unique(log.users.astype(np.int64) * n_items + log.items))
    return Diagnosis(
        name=dataset.name,
        layout=loaded.layout,
        users=n_users,
        items=n_items,
        interactions=len(log),
        span=_span(dataset),
        density=pairs / max(n_users * n_items, 1),
        positive=_share(log.weights > 0),
        negative=_share(log.weights < 0),
        events_per_user=_quantiles(per_user[per_user > 0]),
        idle_users=int(np.sum(per_user == 0)),
        idle_items=int(np.sum(per_item == 0)),
        files=tuple(count for count in loaded.files if count.file),
        bad=loaded.bad.filter(pl.col("reason") != DUPLICATE),
        findings=tuple(list_findings(loaded, per_user)),
    )


def _span(dataset: Dataset) -> tuple[float, float] | None:
    times = dataset.log.times
    return (float(times[0]), float(times[-1])) if len(times) and dataset.traits.has_times else None


def _share(flags: NDArray[np.bool_]) -> float:
    return float(np.mean(flags)) if len(flags) else 0.0


def _quantiles(counts: NDArray[np.int64]) -> tuple[float, ...]:
    return tuple(np.quantile(counts, QUANTILES).tolist()) if len(counts) else ()
