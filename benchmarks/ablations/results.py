"""What ablations found: as plain figures, as a file beside the report, and as a table."""

from pathlib import Path
from typing import TypeAlias, TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray
from rich.table import Table

from app.contracts import Rows
from benchmarks.ablations.ablations import ablations
from offline.data.atomic import atomic_path
from offline.data.dataset import Dataset
from offline.evaluate.compare_rankers import build_variants
from offline.evaluate.figures import Interval, Variant
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.rerank_only import HoldoutCandidates

FILE = "ablations.json"
REPORTED_GROUP = "validation and test"  # the view that the report shows
JSON = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE

Floats: TypeAlias = NDArray[np.float64]


class UserGroup(TypedDict):
    """What some of the users say of every ablation."""

    name: str  # of the windows, and "users without history"
    users: int  # one who came to several windows counts in each
    whole: Interval  # NDCG@10 of the funnel as it is
    variants: list[Variant]


class AblationResult(TypedDict):
    """All that the command found; the file is exactly this."""

    dataset: str
    interactions: int
    seed: int
    views: list[UserGroup]


def summary(
    dataset: Dataset, seed: int, later: list[HoldoutCandidates], figures: Floats
) -> AblationResult:
    """Set every ablation against the funnel as it is, the first column of ``figures`` (u, 1 + a).

    The windows are ``later``, the test last; its users follow one another as in ``figures``.
    """
    persons = np.concatenate([[user.user for user in one.answers.users] for one in later])
    warm = np.concatenate([one.is_warm for one in later])
    tested = np.repeat(np.arange(len(later)) == len(later) - 1, [len(one.answers) for one in later])
    views = {
        "validation": warm & ~tested,
        "test": warm & tested,
        REPORTED_GROUP: warm,
        f"{REPORTED_GROUP}, users without history": ~warm,
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


def _view(name: str, figures: Floats, persons: Rows, seed: int) -> UserGroup:
    names = [one.name for one in ablations()]
    return UserGroup(
        name=name,
        users=len(figures),
        whole=Bootstrap.of(figures[:, :1], seed, user_ids=persons).mean(0),
        variants=build_variants(figures, names, seed, persons),
    )


def write(told: AblationResult, path: Path) -> None:
    """Write the file, whole or not at all."""
    with atomic_path(path) as part:
        part.write_bytes(orjson.dumps(told, option=JSON))


def table(view: UserGroup) -> Table:
    """Lay out one view, what is missed most first."""
    shown = Table(title=f"NDCG@10 of {view['users']} users, {view['name']} (95 % interval)")
    shown.add_column("the funnel")
    for name in ("NDCG@10", "less the funnel as it is"):
        shown.add_column(name, justify="right")
    shown.add_row("as it is", f"{view['whole']['mean']:.4f}", "")
    for one in sorted(view["variants"], key=lambda one: one["difference"]["mean"] or 0.0):
        away = one["difference"]
        interval = f"{away['mean']:+.4f} ({away['low']:+.4f} to {away['high']:+.4f})"
        shown.add_row(one["name"], f"{one['ndcg']['mean']:.4f}", interval)
    return shown
