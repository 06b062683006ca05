"""What the gate finds, as a fact and as a sentence."""

from typing import Literal, NamedTuple, TypeAlias

from app.bundle.manifest import GateCheck, GateResult
from offline.evaluate.figures import Interval

IN_SERVICE = "in service"
BEST_CHANNEL = "best channel, {}"
GROUP_LABELS = {"warm": "users with a history", "cold": "users without a history"}
RIVAL_LABELS = {
    "popularity": "popularity",
    "recency_popularity": "recent popularity",
    IN_SERVICE: "the bundle in service",
}
CheckOutcome: TypeAlias = Literal["passed", "failed", "unclear", "skipped"]
UserGroup: TypeAlias = Literal["warm", "cold"]


class RefusedError(Exception):
    """The gate kept a bundle out of service. The text says why and what to do."""


class RivalComparison(NamedTuple):
    """The funnel and a rival on the same users."""

    rival: str
    group: UserGroup
    users: int
    means: tuple[float, float]  # NDCG@10 of the funnel, and of the rival
    difference: Interval  # funnel - rival, paired
    margin: float = 0.0  # relative to the rival: what is let pass


def build_check(measured: RivalComparison, fewest: int, caveat: str = "") -> GateCheck:
    """Conclude; a ``caveat`` in the rival's favour leaves it open whether the funnel is worse."""
    if measured.users < fewest:
        few = f"{measured.users} of them came, {fewest} are needed to conclude anything"
        return skipped_check(measured.rival, measured.group, measured.users, few)
    outcome = _outcome(measured)
    if outcome == "failed" and caveat:
        outcome = "unclear"
    return GateCheck(
        baseline=measured.rival,
        users=measured.group,
        user_count=measured.users,
        outcome=outcome,
        funnel_ndcg=measured.means[0],
        baseline_ndcg=measured.means[1],
        difference=measured.difference["mean"],
        low=measured.difference["low"],
        high=measured.difference["high"],
        explanation=_sentence(measured, outcome, caveat),
    )


def skipped_check(rival: str, group: UserGroup, users: int, why: str) -> GateCheck:
    """Say why nothing can be concluded."""
    who = f"For {GROUP_LABELS[group]}"
    sentence = f"{who} nothing is said against {RIVAL_LABELS.get(rival, rival)}: {why}."
    return GateCheck(
        baseline=rival, users=group, user_count=users, outcome="skipped", explanation=sentence
    )


def _outcome(measured: RivalComparison) -> CheckOutcome:
    mean, high = measured.difference["mean"] or 0.0, measured.difference["high"] or 0.0
    allowed = measured.margin * measured.means[1]
    if mean >= -allowed:
        return "passed" if mean >= 0 or measured.margin else "unclear"
    return "failed" if high < 0 else "unclear"


def _sentence(measured: RivalComparison, outcome: CheckOutcome, caveat: str) -> str:
    gap = measured.difference
    words = _verb(measured, outcome)
    ours, theirs = measured.means
    rival = RIVAL_LABELS.get(measured.rival, f"its own {measured.rival}")
    return (
        f"For {measured.users} {GROUP_LABELS[measured.group]} the funnel {words} "
        f"{rival}: NDCG@10 {ours:.3f} against "
        f"{theirs:.3f}, {gap['mean']:+.3f} (95 % interval {gap['low']:+.3f} to {gap['high']:+.3f})"
        f"{f'; {caveat}' if caveat else ''}."
    )


def _verb(measured: RivalComparison, outcome: CheckOutcome) -> str:
    if outcome != "passed":
        return "is clearly worse than" if outcome == "failed" else "may be worse than"
    if (measured.difference["mean"] or 0.0) < 0:
        return f"is worse by less than {measured.margin:.0%} than"
    is_clear = (measured.difference["low"] or 0.0) > 0
    return "is clearly better than" if is_clear else "is no worse than"


def refusal_message(version: str, gate: GateResult, serving: str | None) -> str:
    """Say what is worse than what, by how much, and what to do."""
    return (
        f"The bundle {version} is written but not published. "
        f"{' '.join(one.explanation for one in gate.failed_checks)} "
        f"{f'{serving} stays in service' if serving else 'Nothing is in service'}. Look at the "
        "report; to publish all the same, train with --force, or run "
        f"`recfunnel rollback --to {version}`."
    )


def gate_remarks(gate: GateResult) -> list[str]:
    """Say what a reader of the report should know: the verdict, and what is not plainly well."""
    told = {
        "passed": "The gate let this bundle pass.",
        "refused": "The gate refused this bundle: it was not published.",
        "forced": "The gate refused this bundle; it was published by --force.",
    }
    odd = [
        one.explanation
        for one in gate.checks
        if one.outcome != "passed" or one.baseline == IN_SERVICE
    ]
    return [told[gate.verdict], *odd]
