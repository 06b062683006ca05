"""The words of the report: what each metric, method and stage means, in a sentence."""

from collections.abc import Mapping
from typing import NamedTuple

from offline.evaluate.figures import MetricFigures


class Term(NamedTuple):
    """A metric as it is shown."""

    label: str
    meaning: str


METRICS = {
    "ndcg": Term(
        "NDCG", "Are relevant items in the list, and near its top? 1 is a perfect list, 0 has none."
    ),
    "graded_ndcg": Term(
        "Graded NDCG", "NDCG in which an item liked more weighs more (gain 2^grade - 1)."
    ),
    "map": Term("MAP", "Mean precision at the places of the relevant items; 1 is a perfect list."),
    "precision": Term("Precision", "Share of the places shown that hold a relevant item."),
    "recall": Term("Recall", "Share of a user's relevant items that are shown."),
    "hit_rate": Term("Hit rate", "Share of users who are shown at least one relevant item."),
    "coverage": Term("Coverage", "Share of the catalogue that is shown to anyone at all."),
    "diversity": Term(
        "Diversity", "How unlike one another the items of a list are: 1 - mean cosine of content."
    ),
    "novelty": Term(
        "Novelty", "How little known the items shown are, in bits: -log2 of their share of events."
    ),
    "serendipity": Term(
        "Serendipity", "Share of the places that are relevant and not what popularity would show."
    ),
}
ACCURACY = ("ndcg", "graded_ndcg", "map", "precision", "recall", "hit_rate")  # higher is better
WORDS = {
    "@10, @20": "Of the first 10 or 20 items of the list.",
    "Relevant": "What the user went on to choose in the test window; see the split below.",
    "95 % interval": "Where the figure lies in 95 of 100 resamples of the users (bootstrap).",
    "Best possible NDCG": "If later stages ordered perfectly what is left: no more can be had.",
    "Popularity": "The same list for everyone, most liked first, less what each user has seen.",
    "Recent popularity": "The same, where events weigh less the older they are.",
    "Alone": "One recall channel's own order as the answer, with no ranking after it.",
}
METHODS = {
    "funnel": "Funnel",
    "popularity": "Popularity",
    "recency_popularity": "Recent popularity",
}
BASELINES = ("popularity", "recency_popularity")
STAGES = {
    "recall": "after recall",
    "coarse": "after coarse",
    "fine": "after fine",
    "final": "in the list",
}


def method_label(name: str) -> str:
    """Name a method for people; any but the funnel and the baselines is one channel."""
    return METHODS.get(name, f"{name} alone")


def ordered_methods(methods: Mapping[str, MetricFigures], metric: str) -> list[str]:
    """Put the funnel first, then the baselines, then the channels by this metric, best first."""
    channels = [name for name in methods if name not in METHODS]
    channels.sort(key=lambda name: (-(methods[name][metric]["mean"] or 0.0), name))
    return [name for name in METHODS if name in methods] + channels
