"""The words of the report: each metric, method and stage in a sentence."""

from collections.abc import Mapping
from typing import NamedTuple

from offline.evaluate.figures import MetricFigures


class Term(NamedTuple):
    """The label of a metric, and what it means."""

    label: str
    meaning: str


METRICS = {
    "ndcg": Term(
        "NDCG",
        "How many relevant items are in the list, and how near its top. A perfect list has 1.",
    ),
    "graded_ndcg": Term(
        "Graded NDCG",
        "NDCG in which an item that the user liked more counts more (gain 2^grade - 1).",
    ),
    "map": Term(
        "MAP", "Mean precision at the positions of the relevant items. A perfect list has 1."
    ),
    "precision": Term("Precision", "Share of the positions shown that hold a relevant item."),
    "recall": Term("Recall", "Share of a user's relevant items that are shown."),
    "hit_rate": Term("Hit rate", "Share of users who are shown at least one relevant item."),
    "coverage": Term("Coverage", "Share of the catalogue that is shown to at least one user."),
    "diversity": Term(
        "Diversity", "How different the items of a list are: 1 - mean cosine of content."
    ),
    "novelty": Term(
        "Novelty", "How rare the items shown are, in bits: -log2 of their share of all events."
    ),
    "serendipity": Term(
        "Serendipity", "Share of the positions with a relevant item that popularity would not show."
    ),
}
ACCURACY = ("ndcg", "graded_ndcg", "map", "precision", "recall", "hit_rate")  # higher is better
WORDS = {
    "@10, @20": "Of the first 10 or 20 items of the list.",
    "Relevant": "What the user went on to choose in the test window; see the split below.",
    "95 % interval": "Where the figure lies in 95 of 100 resamples of the users (bootstrap).",
    "Best possible NDCG": "The NDCG of a perfect order of the items that are left.",
    "Popularity": "One order for everyone, most liked first, without what each user has seen.",
    "Recent popularity": "The same, where older events count less.",
    "Alone": "The order of one recall channel, without ranking.",
}
METHODS = {
    "funnel": "Funnel",
    "ranking": "Funnel without exploration",
    "popularity": "Popularity",
    "recency_popularity": "Recent popularity",
}
STAGES = {
    "recall": "after recall",
    "coarse": "after coarse",
    "fine": "after fine",
    "final": "in the list",
}


def method_label(name: str) -> str:
    """Return the name of a method for readers; a name that is not listed is a channel."""
    return METHODS.get(name, f"{name} alone")


def ordered_methods(methods: Mapping[str, MetricFigures], metric: str) -> list[str]:
    """Return the funnel, then the baselines, then the channels by this metric, best first.

    Channels that found nothing, for want of friends or sessions for example, are left out.
    """
    channels = [name for name in methods if name not in METHODS and methods[name][metric]["mean"]]
    channels.sort(key=lambda name: (-(methods[name][metric]["mean"] or 0.0), name))
    return [name for name in METHODS if name in methods] + channels
