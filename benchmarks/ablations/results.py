"""The result of ablations: plain figures, a file beside the report, and tables."""

from pathlib import Path
from typing import TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray
from rich.table import Table

from app.contracts import Rows
from benchmarks.ablations.ablations import ablations
from offline.data.atomic import atomic_path
from offline.data.dataset import Dataset
from offline.evaluate.compare_rankers import HoldoutCandidates, build_variants
from offline.evaluate.figures import Interval, Variant
from offline.evaluate.intervals import Bootstrap

FILE = "ablations.json"
ALL_WINDOWS = "validation and test"
JSON = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class AblationGroup(TypedDict):
    """Every ablation, for some of the users."""

    name: str  # of the windows, and "users without history"
    users: int  # a user of several windows counts in each
    whole: Interval  # NDCG@10 of the whole funnel
    variants: list[Variant]


class AblationResult(TypedDict):
    """The content of the file."""

    dataset: str
    interactions: int
    seed: int
    views: list[AblationGroup]


def summarise(
    dataset: Dataset, seed: int, later: list[HoldoutCandidates], figures: NDArray[np.float64]
) -> AblationResult:
    """Compare every ablation with the whole funnel, the first column of ``figures`` (u, 1 + a).

    The windows are ``later``, the test last. Their users are in the order of ``figures``.
    """
    persons = np.concatenate([[user.user for user in one.answers.users] for one in later])
    warm = np.concatenate([one.is_warm for one in later])
    is_test = np.repeat(
        np.arange(len(later)) == len(later) - 1, [len(one.answers) for one in later]
    )
    views = {
        "validation": warm & ~is_test,
        "test": warm & is_test,
        ALL_WINDOWS: warm,
        f"{ALL_WINDOWS}, users without history": ~warm,
    }
    return AblationResult(
        dataset=dataset.name,
        interactions=len(dataset.log),
        seed=seed,
        views=[
            _view(name, figures[members], persons[members], seed)
            for name, members in views.items()
            if members.any()
        ],
    )


def _view(name: str, figures: NDArray[np.float64], persons: Rows, seed: int) -> AblationGroup:
    names = [one.name for one in ablations()]
    return AblationGroup(
        name=name,
        users=len(figures),
        whole=Bootstrap.of(figures[:, :1], seed, user_ids=persons).mean(0),
        variants=build_variants(figures, names, seed, persons),
    )


def write_result(result: AblationResult, path: Path) -> None:
    """Write the file, whole or not at all."""
    with atomic_path(path) as part:
        part.write_bytes(orjson.dumps(result, option=JSON))


def table(view: AblationGroup) -> Table:
    """Build the table of one group of users, the largest loss first."""
    shown = Table(title=f"NDCG@10 of {view['users']} users, {view['name']} (95 % interval)")
    shown.add_column("the funnel")
    for name in ("NDCG@10", "less the whole funnel"):
        shown.add_column(name, justify="right")
    shown.add_row("the whole funnel", f"{view['whole']['mean']:.4f}", "")
    for one in sorted(view["variants"], key=lambda one: one["difference"]["mean"] or 0.0):
        difference = one["difference"]
        interval = (
            f"{difference['mean']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f})"
        )
        shown.add_row(one["name"], f"{one['ndcg']['mean']:.4f}", interval)
    return shown
