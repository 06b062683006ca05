"""The gate before promotion: a bundle that the test shows to be worse is not published.

Only what the test *shows* counts. A check fails when the 95 % interval of the paired difference
lies below 0 and the mean lies below the margin. A bundle that is worse in the mean alone passes,
and its check says so. A first bundle is refused only if it is worse than popularity.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.artifacts import Rankers
from app.bundle.manifest import CheckOutcome, GateCheck, GateResult, UserGroup
from app.recall.registry import CHANNELS
from offline.evaluate.baselines import BASELINES
from offline.evaluate.comparison import RANKING
from offline.evaluate.evaluation import Evaluation
from offline.evaluate.figures import HEADLINE, Comparison, Interval, VisitMoment
from offline.evaluate.holdout import Holdout, ProductionBundle, read_production_bundle
from offline.evaluate.intervals import Bootstrap, is_clear
from offline.evaluate.metrics import user_ndcg

IN_SERVICE = "in service"
BEST_CHANNEL = "best channel, {}"
GROUP_LABELS = {
    "warm": "users with a history",
    "cold": "users without a history",
    "warm_visit": "users with a history in the middle of a visit",
    "cold_visit": "users without a history in the middle of a visit",
}
VISIT_GROUPS: Mapping[str, UserGroup] = {"warm": "warm_visit", "cold": "cold_visit"}
BASELINE_LABELS = {
    "popularity": "popularity",
    "recency_popularity": "recent popularity",
    IN_SERVICE: "the bundle in service",
}


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The settings of the gate."""

    margin: float = 0.02  # loss relative to the bundle in service; chance moves it as much
    min_users: int = 30  # with fewer users, intervals are not reliable
    force: bool = False  # publish even if a check fails


class BaselineComparison(NamedTuple):
    """The funnel and a baseline on the same users."""

    baseline: str
    group: UserGroup
    users: int
    means: tuple[float, float]  # NDCG@10 of the funnel, and of the baseline
    difference: Interval  # funnel - baseline, paired
    margin: float = 0.0  # relative to the baseline: a difference that still passes


def run_gate(
    evaluation: Evaluation, holdout: Holdout, rankers: Rankers, out: Path, config: GateConfig
) -> GateResult:
    """Decide whether the bundle with these rankers may replace the one in service in ``out``."""
    checks = check_baselines(evaluation, holdout, config)
    production = read_production_bundle(out, holdout)
    if production:
        checks += check_production(holdout, rankers, production, config)
    # Nothing in service is worse than lists that are worse than those of one channel. Within visits
    # the bundle in service is not evaluated, so its lists may be worse still.
    visits = check_visits(evaluation.sweeps["visits"], config)
    refusing = [check for check in checks if production or check.baseline in BASELINES]
    refusing += [check for check in visits if check.baseline in BASELINES]
    is_failed = any(check.outcome == "failed" for check in refusing)
    verdict = ("forced" if config.force else "refused") if is_failed else "passed"
    return GateResult(
        verdict=verdict,
        margin=config.margin,
        min_users=config.min_users,
        checks=[*checks, *visits],
    )


def check_baselines(
    evaluation: Evaluation, holdout: Holdout, config: GateConfig
) -> list[GateCheck]:
    """Check that the ranking is not worse than simple lists and its own best channel.

    The lists are those without exploration: the others explore nothing either.
    """
    first: UserGroup = "warm" if holdout.is_warm.any() else "cold"
    checks = check_comparison(evaluation.warm, first, config)
    if evaluation.cold:
        checks += check_comparison(evaluation.cold, "cold", config)
    return checks


def check_comparison(
    comparison: Comparison, group: UserGroup, config: GateConfig
) -> list[GateCheck]:
    """Check the ranking for one group of users against each baseline and the best channel."""
    means = {m: figures[HEADLINE]["mean"] or 0.0 for m, figures in comparison["methods"].items()}
    best = max((m for m in means if m in CHANNELS), key=means.__getitem__)
    baselines = {name: name for name in BASELINES} | {BEST_CHANNEL.format(best): best}
    return [
        build_check(
            BaselineComparison(
                name,
                group,
                comparison["evaluated_users"],
                (means[RANKING], means[method]),
                comparison["ranking_differences"][method]["difference"],
                # It is the best of many channels on these users, so chance favours it.
                config.margin if method == best else 0.0,
            ),
            config.min_users,
        )
        for name, method in baselines.items()
    ]


def check_visits(moments: list[VisitMoment], config: GateConfig) -> list[GateCheck]:
    """Check that lists after the first event of a visit are not worse than simple ones."""
    checks = []
    for moment in moments:
        if moment["events"] is not None:
            continue
        means = {name: one["mean"] or 0.0 for name, one in moment["methods"].items()}
        best = moment["best_channel"]
        for name, method in [*((one, one) for one in BASELINES), (BEST_CHANNEL.format(best), best)]:
            comparison = BaselineComparison(
                name,
                VISIT_GROUPS[moment["group"]],
                moment["users"],
                (means[RANKING], means[method]),
                moment["differences"][method],
                config.margin if method == best else 0.0,
            )
            checks.append(build_check(comparison, config.min_users))
    return checks


def check_production(
    holdout: Holdout, rankers: Rankers, production: ProductionBundle, config: GateConfig
) -> list[GateCheck]:
    """Compare new rankers with those in service, for the same users over the same recall."""
    if production.rankers is None or production.manifest is None:
        reason = f"{production.version}: {production.caveat}"
        return [skipped_check(IN_SERVICE, "warm", len(holdout.users), reason)]
    relevant = holdout.relevant
    serving = production.manifest
    new = user_ndcg(holdout.compute_lists(rankers, holdout.funnel_config.sizes), relevant)
    old = user_ndcg(
        holdout.compute_lists(production.rankers, serving.sizes, serving.channel_configs()),
        relevant,
    )
    columns = np.stack([new, old], axis=1)
    groups: dict[UserGroup, NDArray[np.bool_]] = {"warm": holdout.is_warm, "cold": ~holdout.is_warm}
    checks = []
    for group, members in groups.items():
        if members.any():
            bootstrap = Bootstrap.of(columns[members], holdout.seed)
            means = (float(bootstrap.means[0]), float(bootstrap.means[1]))
            comparison = BaselineComparison(
                IN_SERVICE,
                group,
                int(members.sum()),
                means,
                bootstrap.difference(0, 1),
                config.margin,
            )
            checks.append(build_check(comparison, config.min_users, production.caveat))
    return checks


def build_check(comparison: BaselineComparison, min_users: int, caveat: str = "") -> GateCheck:
    """Conclude from a comparison.

    A ``caveat`` in the baseline's favour turns "failed" into "unclear".
    """
    if comparison.users < min_users:
        reason = f"there are {comparison.users} of them, and a conclusion needs {min_users}"
        return skipped_check(comparison.baseline, comparison.group, comparison.users, reason)
    outcome = _outcome(comparison)
    if outcome == "failed" and caveat:
        outcome = "unclear"
    return GateCheck(
        baseline=comparison.baseline,
        users=comparison.group,
        user_count=comparison.users,
        outcome=outcome,
        funnel_ndcg=comparison.means[0],
        baseline_ndcg=comparison.means[1],
        difference=comparison.difference["mean"],
        low=comparison.difference["low"],
        high=comparison.difference["high"],
        explanation=_sentence(comparison, outcome, caveat),
    )


def skipped_check(baseline: str, group: UserGroup, users: int, reason: str) -> GateCheck:
    """Return a check without a conclusion; ``reason`` is a clause."""
    sentence = (
        f"For {GROUP_LABELS[group]} the funnel is not compared with "
        f"{BASELINE_LABELS.get(baseline, baseline)}: {reason}."
    )
    return GateCheck(
        baseline=baseline, users=group, user_count=users, outcome="skipped", explanation=sentence
    )


def _outcome(comparison: BaselineComparison) -> CheckOutcome:
    mean, high = comparison.difference["mean"] or 0.0, comparison.difference["high"] or 0.0
    if mean >= -comparison.margin * comparison.means[1]:
        return "passed" if mean >= 0 or comparison.margin else "unclear"
    return "failed" if high < 0 else "unclear"


def _sentence(comparison: BaselineComparison, outcome: CheckOutcome, caveat: str) -> str:
    difference = comparison.difference
    baseline = BASELINE_LABELS.get(comparison.baseline, f"its own {comparison.baseline}")
    funnel, other = comparison.means
    return (
        f"For {comparison.users} {GROUP_LABELS[comparison.group]} the funnel "
        f"{_verb(comparison, outcome)} {baseline}: NDCG@10 {funnel:.3f} against {other:.3f}, "
        f"{difference['mean']:+.3f} (95 % interval {difference['low']:+.3f} to "
        f"{difference['high']:+.3f}){f'; {caveat}' if caveat else ''}."
    )


def _verb(comparison: BaselineComparison, outcome: CheckOutcome) -> str:
    if outcome != "passed":
        return "is clearly worse than" if outcome == "failed" else "may be worse than"
    if (comparison.difference["mean"] or 0.0) < 0:
        return f"is worse by less than {comparison.margin:.0%} than"
    gap = comparison.difference
    return "is clearly better than" if is_clear(gap["low"], gap["high"]) else "is no worse than"


def refusal_message(version: str, gate: GateResult, serving: str | None) -> str:
    """Return what is worse than what, by how much, and what to do."""
    return (
        f"The bundle {version} is written but not published. "
        f"{' '.join(check.explanation for check in gate.failed_checks)} "
        f"{f'{serving} stays in service' if serving else 'Nothing is in service'}. Read the "
        "report. To publish it nevertheless, train with --force, or run "
        f"`recfunnel rollback --to {version}`."
    )


def gate_remarks(gate: GateResult) -> list[str]:
    """Return sentences for a reader of the report: the verdict, and every notable check."""
    verdict = {
        "passed": "The gate let this bundle pass.",
        "refused": "The gate refused this bundle: it was not published.",
        "forced": "The gate refused this bundle; it was published by --force.",
    }[gate.verdict]
    notable = [
        c.explanation for c in gate.checks if c.outcome != "passed" or c.baseline == IN_SERVICE
    ]
    return [verdict, *notable]
