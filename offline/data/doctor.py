"""Looks a data set over: what is in it, and what is wrong."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from offline.data.findings import DataFinding, list_findings
from offline.data.interactions import DUPLICATE
from offline.data.readers import FileCount, LoadedData

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """What ``examine`` found. Times in unix seconds, None where the data has none."""

    name: str
    layout: str
    users: int
    items: int
    interactions: int
    span: tuple[float, float] | None
    density: float  # share of all (user, item) pairs that have an interaction
    positive: float  # share of the interactions
    negative: float
    events_per_user: tuple[float, ...]  # at QUANTILES, of the users that have any
    idle_users: int  # known by a file, without interaction
    idle_items: int
    files: tuple[FileCount, ...]
    bad: pl.DataFrame  # file, line, reason, text; without duplicates
    findings: tuple[DataFinding, ...]


def diagnose(reading: LoadedData) -> Diagnosis:
    """Count, measure and judge what was read."""
    dataset, log = reading.dataset, reading.dataset.log
    n_users, n_items = len(dataset.users), len(dataset.catalogue)
    per_user = np.bincount(log.users, minlength=n_users)
    per_item = np.bincount(log.items, minlength=n_items)
    pairs = len(np.unique(log.users.astype(np.int64) * n_items + log.items))
    return Diagnosis(
        name=dataset.name,
        layout=reading.layout,
        users=n_users,
        items=n_items,
        interactions=len(log),
        span=(float(log.times[0]), float(log.times[-1])) if dataset.traits.has_times else None,
        density=pairs / (n_users * n_items),
        positive=float(np.mean(log.weights > 0)),
        negative=float(np.mean(log.weights < 0)),
        events_per_user=tuple(np.quantile(per_user[per_user > 0], QUANTILES).tolist()),
        idle_users=int(np.sum(per_user == 0)),
        idle_items=int(np.sum(per_item == 0)),
        files=reading.files,
        bad=reading.bad.filter(pl.col("reason") != DUPLICATE),
        findings=tuple(list_findings(reading, per_user)),
    )
