"""Quality for different users and items: who is served well, and what is found."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Segments
from offline.evaluate import metrics
from offline.evaluate.figures import AttributeBands, SegmentBand
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import Lists
from offline.evaluate.rowsets import RowSets

K = 10
RIVAL = "recency_popularity"  # what the funnel is compared with in each band
HISTORY_BANDS = {  # the fewest events of each
    "new user": 0,
    "1-9 events": 1,
    "10-49 events": 10,
    "50-199 events": 50,
    "200 or more": 200,
}
POPULARITY_BANDS = {"head, top 5 %": 0.05, "middle, next 15 %": 0.20, "tail, other 80 %": 1.0}
NEVER_SEEN = "no event before"
MIN_BAND_USERS = 10  # users: a smaller band says nothing
MAX_BANDS = 8  # of one attribute, the largest


def ndcg_by_history(
    lists: Mapping[str, Lists], relevant: RowSets, events: NDArray[np.int64], seed: int
) -> list[SegmentBand]:
    """Give NDCG@10 of each method by how many ``events`` (u,) were known of the user.

    Users without relevant items, and bands without users, are left out.
    """
    names, least = list(HISTORY_BANDS), np.array(list(HISTORY_BANDS.values()))
    band_of = np.searchsorted(least, events, side="right") - 1
    return _by_band(lists, relevant, band_of, names, seed)


def ndcg_by_attribute(
    lists: Mapping[str, Lists],
    relevant: RowSets,
    codes: NDArray[np.integer],
    segments: Segments,
    seed: int,
) -> list[AttributeBands]:
    """Give NDCG@10 of each method by each user attribute; ``codes`` (u, a), -1 unknown.

    Bands of a few users, and attributes with less than two others, are left out.
    """
    found = []
    for at, name in enumerate(segments.names):
        bands = _by_band(lists, relevant, codes[:, at], segments.labels[at], seed)
        bands = [band for band in bands if band["count"] >= MIN_BAND_USERS]
        if len(bands) > 1:
            largest = sorted(bands, key=lambda band: -band["count"])[:MAX_BANDS]
            kept = [band for band in bands if band in largest]
            found.append(AttributeBands(name=name, bands=kept))
    return found


def _by_band(
    lists: Mapping[str, Lists],
    relevant: RowSets,
    band_of: NDArray[np.integer],
    names: Sequence[str],
    seed: int,
) -> list[SegmentBand]:
    """Give NDCG@10 in each band (u,) of users, in the bands' order; -1 is in none."""
    band_of = np.where(relevant.sizes > 0, band_of, -1)
    scores = {
        name: metrics.ndcg(metrics.grade_lists(rows, relevant), K) for name, rows in lists.items()
    }
    columns = np.stack(list(scores.values()), axis=1)
    place = {name: at for at, name in enumerate(scores)}
    bands = []
    for band in np.unique(band_of[band_of >= 0]):
        members = np.flatnonzero(band_of == band)
        bootstrap = Bootstrap.of(columns[members], seed)
        figures = {name: bootstrap.mean(at) for name, at in place.items()}
        lead = bootstrap.difference(place["funnel"], place[RIVAL])
        bands.append(SegmentBand(band=names[band], count=len(members), methods=figures, lead=lead))
    return bands


def recall_by_popularity(
    lists: Mapping[str, Lists], relevant: RowSets, counts: NDArray[np.float64], seed: int
) -> list[SegmentBand]:
    """Give the share of relevant items in each popularity band that are among the first 10.

    Items are ranked by ``counts`` (n,), events known when the lists were made. The share is over
    all of the band's relevant items, not a mean over users, most of whom have few in a band.
    """
    band_of = popularity_bands(counts)
    names = [*POPULARITY_BANDS, NEVER_SEEN]
    owners, bands = relevant.owners, []
    found = {name: _found(rows[:, :K], relevant) for name, rows in lists.items()}
    for band in np.unique(band_of[relevant.rows]):
        within = band_of[relevant.rows] == band
        columns = [
            np.bincount(owners, weights=chosen & within, minlength=len(relevant))
            for chosen in (np.ones(len(owners), np.bool_), *found.values())
        ]
        place = {name: at for at, name in enumerate(found, start=1)}
        columns.append(columns[place["funnel"]] - columns[place[RIVAL]])
        bootstrap = Bootstrap.of(np.stack(columns, axis=1), seed)
        figures = {name: bootstrap.ratio(at, 0) for name, at in place.items()}
        lead = bootstrap.ratio(len(columns) - 1, 0)
        count = int((band_of == band).sum())
        bands.append(SegmentBand(band=names[band], count=count, methods=figures, lead=lead))
    return bands


def popularity_bands(counts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number each item's band (n,): 0 the head, then down the tail; the last has no events."""
    seen = int((counts > 0).sum())
    place = np.empty(len(counts), np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    ends = np.ceil(np.array(list(POPULARITY_BANDS.values())) * seen)
    return np.searchsorted(ends, place, side="right").astype(np.int64)


def _found(lists: Lists, relevant: RowSets) -> NDArray[np.bool_]:
    """Say for each relevant item (m,) whether its user's list holds it."""
    shown = RowSets.of(list(lists))
    return np.asarray(shown.grades_of(relevant.owners, relevant.rows) > 0)
