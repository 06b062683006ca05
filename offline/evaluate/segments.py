"""Quality for different users and items: who gets good lists, and which items are found."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments
from offline.evaluate.figures import AttributeBands, SegmentBand
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import K, Lists, user_ndcg
from offline.evaluate.rowsets import RowSets

RIVAL = "recency_popularity"  # the method that the funnel is compared with in each band
HISTORY_BANDS = {  # the smallest number of events in each
    "new user": 0,
    "1-9 events": 1,
    "10-49 events": 10,
    "50-199 events": 50,
    "200 or more": 200,
}
POPULARITY_BANDS = {"head, top 5 %": 0.05, "middle, next 15 %": 0.20, "tail, other 80 %": 1.0}
NEVER_SEEN = "no event before"
MIN_BAND_USERS = 10  # a smaller band has no useful interval
MAX_BANDS = 8  # bands of one attribute; the largest are kept


def ndcg_by_history(
    lists: Mapping[str, Lists], relevant: RowSets, events: NDArray[np.int64], seed: int
) -> list[SegmentBand]:
    """Return NDCG@10 of each method by the number of earlier ``events`` (u,) of the user.

    Users without relevant items, and bands without users, are left out.
    """
    names, smallest = list(HISTORY_BANDS), np.array(list(HISTORY_BANDS.values()))
    band_of = np.searchsorted(smallest, events, side="right") - 1
    return _ndcg_by_band(lists, relevant, band_of, names, seed)


def ndcg_by_attribute(
    lists: Mapping[str, Lists],
    relevant: RowSets,
    codes: NDArray[np.integer],
    segments: Segments,
    seed: int,
) -> list[AttributeBands]:
    """Return NDCG@10 of each method by each user attribute; ``codes`` are (u, a), -1 is unknown.

    Small bands are left out. So are attributes with fewer than two bands.
    """
    attributes = []
    for column, name in enumerate(segments.names):
        bands = _ndcg_by_band(lists, relevant, codes[:, column], segments.labels[column], seed)
        bands = [band for band in bands if band["count"] >= MIN_BAND_USERS]
        if len(bands) > 1:
            largest = sorted(bands, key=lambda band: -band["count"])[:MAX_BANDS]
            attributes.append(
                AttributeBands(name=name, bands=[band for band in bands if band in largest])
            )
    return attributes


def _ndcg_by_band(
    lists: Mapping[str, Lists],
    relevant: RowSets,
    band_of: NDArray[np.integer],
    names: Sequence[str],
    seed: int,
) -> list[SegmentBand]:
    """Return NDCG@10 in each band of users, in order; ``band_of`` is (u,), -1 is no band."""
    band_of = np.where(relevant.sizes > 0, band_of, -1)
    columns = np.stack([user_ndcg(rows, relevant) for rows in lists.values()], axis=1)
    column_of = {name: column for column, name in enumerate(lists)}
    bands = []
    for band in np.unique(band_of[band_of >= 0]):
        members = np.flatnonzero(band_of == band)
        bootstrap = Bootstrap.of(columns[members], seed)
        figures = {name: bootstrap.mean(column) for name, column in column_of.items()}
        lead = bootstrap.difference(column_of["funnel"], column_of[RIVAL])
        bands.append(SegmentBand(band=names[band], count=len(members), methods=figures, lead=lead))
    return bands


def recall_by_popularity(
    lists: Mapping[str, Lists], relevant: RowSets, counts: NDArray[np.float64], seed: int
) -> list[SegmentBand]:
    """Return the share of relevant items in each popularity band that are in the first 10.

    Items are ranked by ``counts`` (n,), the events as of the moment of the lists. The share is of
    all relevant items of the band. It is not a mean over users, who have few items in a band.
    """
    band_of = popularity_bands(counts)
    names = [*POPULARITY_BANDS, NEVER_SEEN]
    owners, bands = relevant.owners, []
    hits = {name: RowSets.of(list(rows[:, :K])).contains(relevant) for name, rows in lists.items()}
    for band in np.unique(band_of[relevant.rows]):
        in_band = band_of[relevant.rows] == band
        columns = [
            np.bincount(owners, weights=is_counted & in_band, minlength=len(relevant))
            for is_counted in (np.ones(len(owners), np.bool_), *hits.values())
        ]
        column_of = {name: column for column, name in enumerate(hits, start=1)}
        columns.append(columns[column_of["funnel"]] - columns[column_of[RIVAL]])
        bootstrap = Bootstrap.of(np.stack(columns, axis=1), seed)
        figures = {name: bootstrap.ratio(column, 0) for name, column in column_of.items()}
        lead = bootstrap.ratio(len(columns) - 1, 0)
        count = int((band_of == band).sum())
        bands.append(SegmentBand(band=names[band], count=count, methods=figures, lead=lead))
    return bands


def popularity_bands(counts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number each item's band (n,): 0 is the head, the last has no events."""
    with_events = int((counts > 0).sum())
    place = np.empty(len(counts), np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    ends = np.ceil(np.array(list(POPULARITY_BANDS.values())) * with_events)
    return np.searchsorted(ends, place, side="right").astype(np.int64)
