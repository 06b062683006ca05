"""What is left of the whole catalogue when the channels' answers do not fill a list."""

import numpy as np

from app.catalogue.catalogue import Catalogue
from app.contracts import Proposal, Query
from app.state.counters import PopularityCounters


def fill_from_catalogue(
    catalogue: Catalogue, live: PopularityCounters, query: Query, limit: int
) -> Proposal:
    """Give the items that this request may be shown, liked most first; for rare requests.

    Its cost grows with the catalogue: some 10 ms for a million items.
    """
    rows = np.flatnonzero(catalogue.available & ~query.excluded).astype(np.int64)
    rows = rows[query.allows(rows)]
    return Proposal.best(rows, live.liked[-1][rows].astype(np.float32), limit)
