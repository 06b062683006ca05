"""Examine a data set: counts, distributions and problems."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.trainings.data_diagnosis import (
    MAX_BAD_ROWS,
    QUANTILES,
    BadRow,
    DataDiagnosis,
    FileRows,
)
from offline.data.dataset import Dataset
from offline.data.findings import list_findings
from offline.data.readers import LoadedData
from offline.data.repeats import DUPLICATE

MAX_TEXT = 200  # characters of a bad row


def diagnose(loaded: LoadedData) -> DataDiagnosis:
    """Return the counts, distributions and findings of the loaded data."""
    dataset, log = loaded.dataset, loaded.dataset.log
    n_users, n_items = len(dataset.users), len(dataset.catalogue)
    per_user = np.bincount(log.users, minlength=n_users)
    per_item = np.bincount(log.items, minlength=n_items)
    pairs = len(np.unique(log.users.astype(np.int64) * n_items + log.items))
    first, last = _span(dataset)
    return DataDiagnosis(
        name=dataset.name,
        layout=loaded.layout,
        users=n_users,
        items=n_items,
        interactions=len(log),
        first=first,
        last=last,
        density=pairs / max(n_users * n_items, 1),
        positive=_share(log.weights > 0),
        negative=_share(log.weights < 0),
        events_per_user=_quantiles(per_user[per_user > 0]),
        idle_users=int(np.sum(per_user == 0)),
        idle_items=int(np.sum(per_item == 0)),
        files=list(_files(loaded)),
        columns=list(loaded.columns),
        bad_rows=list(_bad_rows(loaded.bad)),
        findings=list(list_findings(loaded, per_user)),
    )


def _span(dataset: Dataset) -> tuple[float | None, float | None]:
    """Return the times of the first and the last interaction."""
    times = dataset.log.times
    if not (len(times) and dataset.traits.has_times):
        return None, None
    return float(times[0]), float(times[-1])


def _files(loaded: LoadedData) -> Iterator[FileRows]:
    for count in loaded.files:
        if count.file:
            yield FileRows(
                file=count.file,
                rows=count.lines,
                good=count.good,
                bad=count.bad,
                duplicates=count.duplicates,
            )


def _bad_rows(bad: pl.DataFrame) -> Iterator[BadRow]:
    rows = bad.filter(pl.col("reason") != DUPLICATE).head(MAX_BAD_ROWS)
    for file, line, reason, text in rows.iter_rows():
        yield BadRow(file=file, line=line, reason=reason, text=text[:MAX_TEXT])


def _share(flags: NDArray[np.bool_]) -> float:
    return float(np.mean(flags)) if len(flags) else 0.0


def _quantiles(counts: NDArray[np.int64]) -> list[float]:
    return np.quantile(counts, QUANTILES).tolist() if len(counts) else []
