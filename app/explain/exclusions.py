"""Why a query excludes what it excludes: one name for each item. For who asks, not for lists."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.contracts import NO_ROWS, Query, Rows
from app.query_builder import disliked_rows
from app.rerank.policy import PolicySettings

EXCLUSION_REASONS = {
    "hidden": "the user has hidden it",
    "disliked": "the user dislikes it",
    "exclude": "the request asked to leave it out",
    "earlier_pages": "an earlier page had it",
    "seen": "the user has acted on it already",
    "shown": "the user was shown it lately",
}


@dataclass(frozen=True, slots=True, eq=False)
class RequestedExclusions:
    """What a request asked to be left out, in rows."""

    exclude: Rows
    earlier: Rows  # of the pages before


def attribute_exclusions(
    query: Query, policy: PolicySettings, asked: RequestedExclusions, rows: Rows
) -> dict[str, NDArray[np.bool_]]:
    """Say for each name of ``TOLD`` which of ``rows`` it excludes, (n,): the first that does.

    A query keeps the newest events only. What older ones exclude counts as seen, or as disliked
    where what is seen is not dropped.
    """
    drops_seen = policy.seen == "drop"
    said = {
        "hidden": query.hidden,
        "disliked": disliked_rows(query.history),
        "exclude": asked.exclude,
        "earlier_pages": asked.earlier,
        "seen": query.history.rows if drops_seen else NO_ROWS,
        "shown": query.impressions if policy.shown == "drop" else NO_ROWS,
    }
    left, found = query.excluded[rows], {}
    for name, these in said.items():
        found[name] = left & np.isin(rows, these)
        left = left & ~found[name]
    found["seen" if drops_seen else "disliked"] |= left
    return found
