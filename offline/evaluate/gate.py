"""The gate before promotion: a bundle that the test shows to be worse is not served.

Only what the test *shows* counts. A check fails when the 95 % interval of the paired difference
lies below 0, and the mean below the margin; what is worse in the mean alone is said and let pass.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Rankers
from app.bundle.manifest import GateCheck, GateResult
from app.recall.registry import CHANNELS
from offline.evaluate.evaluation import Evaluation
from offline.evaluate.figures import Comparison, Interval
from offline.evaluate.funnel_answers import user_ndcg
from offline.evaluate.gate_text import (
    BEST_CHANNEL,
    IN_SERVICE,
    RivalComparison,
    UserGroup,
    build_check,
    skipped_check,
)
from offline.evaluate.holdout import Holdout
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.production_bundle import ProductionBundle, read_production_bundle

HEADLINE = "ndcg@10"
BASELINES = ("popularity", "recency_popularity")


@dataclass(frozen=True, slots=True)
class GateConfig:
    """How much worse is too much, and how many users it takes to say so."""

    margin: float = 0.02  # relative to the one in service: retraining moves as much by chance
    min_users: int = 30  # users; the intervals of fewer are not to be trusted
    force: bool = False  # publish whatever is found


def run_gate(
    evaluation: Evaluation, exam: Holdout, rankers: Rankers, out: Path, config: GateConfig
) -> GateResult:
    """Say whether the bundle with these rankers may replace the one in service in ``out``."""
    checks = check_baselines(evaluation, exam, config)
    other = read_production_bundle(out, exam)
    if other:
        checks += check_production(exam, rankers, other, config)
    failed = any(one.outcome == "failed" for one in checks)
    verdict = ("forced" if config.force else "refused") if failed else "passed"
    return GateResult(
        verdict=verdict, margin=config.margin, min_users=config.min_users, checks=checks
    )


def check_baselines(evaluation: Evaluation, exam: Holdout, config: GateConfig) -> list[GateCheck]:
    """Ask whether the funnel is worth its while: simple lists and its own channels do worse."""
    first: UserGroup = "warm" if exam.is_warm.any() else "cold"
    checks = _floors(evaluation.warm, first, config)
    if evaluation.cold:
        checks += _floors(evaluation.cold, "cold", config)
    return checks


def _floors(comparison: Comparison, group: UserGroup, config: GateConfig) -> list[GateCheck]:
    means = {m: figures[HEADLINE]["mean"] or 0.0 for m, figures in comparison["methods"].items()}
    best = max((m for m in means if m in CHANNELS), key=means.__getitem__)
    rivals = {name: name for name in BASELINES} | {BEST_CHANNEL.format(best): best}
    return [
        build_check(
            RivalComparison(
                name,
                group,
                comparison["evaluated_users"],
                (means["funnel"], means[method]),
                comparison["differences"][method][HEADLINE]["difference"],
            ),
            config.min_users,
        )
        for name, method in rivals.items()
    ]


def check_production(
    exam: Holdout, rankers: Rankers, other: ProductionBundle, config: GateConfig
) -> list[GateCheck]:
    """Ask new rankers and those in service for the same users, over the same recall."""
    if other.rankers is None or other.manifest is None:
        return [
            skipped_check(IN_SERVICE, "warm", len(exam.users), f"{other.version}: {other.caveat}")
        ]
    relevant = exam.relevant
    ours = user_ndcg(exam.compute_lists(rankers, exam.wiring.sizes), relevant)
    theirs = user_ndcg(
        exam.compute_lists(other.rankers, other.manifest.sizes, other.manifest.channel_configs()),
        relevant,
    )
    both = np.stack([ours, theirs], axis=1)
    groups: dict[UserGroup, NDArray[np.bool_]] = {"warm": exam.is_warm, "cold": ~exam.is_warm}
    return [
        _duel(both[members], group, exam.seed, other, config)
        for group, members in groups.items()
        if members.any()
    ]


def _duel(
    both: NDArray[np.float64],
    group: UserGroup,
    seed: int,
    other: ProductionBundle,
    config: GateConfig,
) -> GateCheck:
    sure = Bootstrap.of(both, seed)
    difference: Interval = sure.difference(0, 1)
    means = (float(sure.means[0]), float(sure.means[1]))
    measured = RivalComparison(IN_SERVICE, group, len(both), means, difference, config.margin)
    return build_check(measured, config.min_users, other.caveat)
