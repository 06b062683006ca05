"""What ablations found: as plain figures, as a file beside the report, and as a table."""

from pathlib import Path
from typing import TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray
from rich.table import Table

from offline.ablations import ablations
from offline.data.atomic import replacing
from offline.data.dataset import Dataset
from offline.evaluate.figures import Interval, Variant
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import PerUser
from offline.rivals import variants

FILE = "ablations.json"
SHOWN = "test"  # the window that the report shows
JSON = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class Judged(TypedDict):
    """What a window says of every ablation."""

    window: str  # "validation" or "test"
    users: int  # with a history
    whole: Interval  # NDCG@10 of the funnel as it is
    variants: list[Variant]


class Ablated(TypedDict):
    """All that the command found; the file is exactly this."""

    dataset: str
    interactions: int
    trees: int  # of each fine ranker
    seed: int
    windows: list[Judged]


def summary(
    dataset: Dataset, trees: int, seed: int, windows: list[str], found: list[list[PerUser]]
) -> Ablated:
    """Set every ablation against the funnel as it is, which comes first in ``found``."""
    return Ablated(
        dataset=dataset.name,
        interactions=len(dataset.log),
        trees=trees,
        seed=seed,
        windows=[
            _judged(window, np.stack([each[at] for each in found], axis=1), seed)
            for at, window in enumerate(windows)
        ],
    )


def _judged(window: str, figures: NDArray[np.float64], seed: int) -> Judged:
    return Judged(
        window=window,
        users=len(figures),
        whole=Bootstrap.of(figures[:, :1], seed).mean(0),
        variants=variants(figures, [one.name for one in ablations()], seed),
    )


def write(told: Ablated, path: Path) -> None:
    """Write the file, whole or not at all."""
    with replacing(path) as part:
        part.write_bytes(orjson.dumps(told, option=JSON))


def kept(out: Path, dataset: Dataset) -> list[Variant]:
    """Give what the report of this data set shows; nothing without a file about it."""
    try:
        told: Ablated = orjson.loads((out / FILE).read_bytes())
        if (told["dataset"], told["interactions"]) != (dataset.name, len(dataset.log)):
            return []
        return [v for one in told["windows"] if one["window"] == SHOWN for v in one["variants"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def table(judged: Judged) -> Table:
    """Lay out one window, what is missed most first."""
    title = f"NDCG@10 of {judged['users']} users, {judged['window']} window (95 % interval)"
    shown = Table(title=title)
    shown.add_column("the funnel")
    for name in ("NDCG@10", "less the funnel as it is"):
        shown.add_column(name, justify="right")
    shown.add_row("as it is", f"{judged['whole']['mean']:.4f}", "")
    for one in sorted(judged["variants"], key=lambda one: one["difference"]["mean"] or 0.0):
        away = one["difference"]
        interval = f"{away['mean']:+.4f} ({away['low']:+.4f} to {away['high']:+.4f})"
        shown.add_row(one["name"], f"{one['ndcg']['mean']:.4f}", interval)
    return shown
