"""The cost and the gain of exploration, in a simulated world with fixed click rates.

python -m benchmarks.regret [--rounds 6000] [--runs 6] [--out docs/concepts/regret.svg]

In each round one list of 10 is shown, and its clicks come back. The ranking has good estimates of
some items and underestimates the new ones. It learns from what it shows, and only from that. The
regret of a list is the expected clicks of the 10 best items less the expected clicks of its items.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, TypeAlias

import numpy as np
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.artifacts import HALF_LIVES, Popularity
from app.rerank.exploration import ExplorationPool, choose_explored
from app.rerank.policies import SceneSettings
from app.state.counters import PopularityCounters
from offline.data.atomic import atomic_path
from offline.report.svg import WIDTH, report_style

Regrets: TypeAlias = NDArray[np.float64]

K = 10
DEFAULT_POLICY = SceneSettings()
EXPLORATION_POLICIES: Mapping[str, SceneSettings | None] = MappingProxyType(
    {
        "random": None,  # every list is drawn from the whole catalogue
        "no exploration": replace(DEFAULT_POLICY, explore_slots=0),
        "epsilon_greedy": replace(DEFAULT_POLICY, explore="epsilon_greedy"),
        "thompson": replace(DEFAULT_POLICY, explore="thompson"),
        "ucb": DEFAULT_POLICY,
    }
)
COLOURS = ("#8c8c8c", "#111111", "#c2571a", "#1f7a4d", "#2b5fb8")
STEP = 20  # rounds between the points of a curve


@dataclass(frozen=True, slots=True)
class SimulatedCatalogue:
    """The number of items, and the first estimates of the ranking."""

    items: int = 100
    new_share: float = 0.3  # share of the items that are new
    prior_impressions: float = 50.0  # weight of the first estimates, in impressions
    pessimism: float = 0.3  # the first estimate of a new item is this share of the mean


@dataclass(slots=True, eq=False)
class ClickRateRanking:
    """Estimates click rates from what is shown, smoothed by the first estimates."""

    clicks: Regrets  # (n,)
    shown: Regrets  # (n,)

    @property
    def rates(self) -> Regrets:
        return self.clicks / self.shown


def simulate_regret(
    policy: SceneSettings | None, rounds: int, seed: int, world: SimulatedCatalogue | None = None
) -> Regrets:
    """Show ``rounds`` lists by this policy; return the regret so far after each, (rounds,).

    The exploration is the service's own code. The same seed gives the same world to every policy.
    """
    world = world or SimulatedCatalogue()
    random = np.random.default_rng([seed, 0])
    rates = random.beta(2.0, 18.0, world.items)
    ranking = _first_estimates(rates, world, random)
    counters, chance = _counters(world.items), np.random.default_rng([seed, 1])
    best = np.sort(rates)[-K:].sum()
    lost = np.empty(rounds)
    for at in range(rounds):
        rows = _list(policy, counters, ranking.rates, [seed, 2, at])
        clicked = chance.random(world.items)[rows] < rates[rows]
        ranking.shown[rows] += 1
        ranking.clicks[rows] += clicked
        counters.count_impressions(rows)
        counters.positives[rows] += clicked
        lost[at] = best - rates[rows].sum()
    return np.cumsum(lost)


def _first_estimates(
    rates: Regrets, world: SimulatedCatalogue, random: np.random.Generator
) -> ClickRateRanking:
    is_new = np.arange(world.items) < world.new_share * world.items
    guess = random.binomial(int(world.prior_impressions), rates).astype(np.float64)
    guess[is_new] = world.pessimism * rates.mean() * world.prior_impressions
    return ClickRateRanking(guess, np.full(world.items, world.prior_impressions))


def _list(
    policy: SceneSettings | None, counters: PopularityCounters, rates: Regrets, seed: list[int]
) -> NDArray[np.int64]:
    """Build the list as the last stage does: the best items, then the exploration slots."""
    if policy is None:
        return np.random.default_rng(seed).permutation(len(rates))[:K]
    order = np.argsort(-rates, kind="stable").astype(np.int64)
    slots = policy.explore_slots
    if not slots:
        return order[:K]
    listed, rest = order[: K - slots], order[K - slots :][: policy.explore_among]
    relevance = (rates - rates.min()) / max(float(np.ptp(rates)), 1e-9)
    pool = ExplorationPool(rest, relevance[rest].astype(np.float32), slots)
    return np.concatenate([listed, rest[choose_explored(policy, counters, pool, seed).chosen]])


def _counters(items: int) -> PopularityCounters:
    none = np.zeros((len(HALF_LIVES), items))
    return PopularityCounters(
        Popularity(0.0, none, none, np.full(items, np.inf), np.zeros(items, np.float32))
    )


def simulate_all(rounds: int, runs: int) -> dict[str, Regrets]:
    """Return the regret of each policy in every run, (runs, rounds)."""
    return {
        name: np.stack([simulate_regret(policy, rounds, seed) for seed in range(runs)])
        for name, policy in track(
            EXPLORATION_POLICIES.items(), "Exploring", console=Console(stderr=True)
        )
    }


def table(regrets: Mapping[str, Regrets]) -> Table:
    """Build a table of the regret at the end, and of the last tenth of the rounds."""
    runs, rounds = regrets["random"].shape
    title = f"Clicks lost in {rounds} lists, mean of {runs} runs ± standard error"
    shown = Table("exploration", title=title)
    for name in ("in all", "per list", "per list, last tenth"):
        shown.add_column(name, justify="right")
    tenth = max(rounds // 10, 1)
    for name, lost in regrets.items():
        late = (lost[:, -1] - lost[:, -1 - tenth]) / tenth if rounds > tenth else lost[:, -1]
        error = lost[:, -1].std() / np.sqrt(runs)
        shown.add_row(
            name,
            f"{lost[:, -1].mean():,.0f} ± {error:,.0f}",
            f"{lost[:, -1].mean() / rounds:.3f}",
            f"{late.mean():.3f}",
        )
    return shown


def plot(regrets: Mapping[str, Regrets], path: Path) -> None:
    """Draw the mean regret of each policy, with the standard error of its runs, as SVG."""
    with report_style():
        figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
        axes = figure.add_subplot()
        for (name, lost), colour in zip(regrets.items(), COLOURS, strict=True):
            at = np.arange(STEP - 1, lost.shape[1], STEP)
            mean, error = lost.mean(axis=0)[at], lost.std(axis=0)[at] / np.sqrt(len(lost))
            axes.plot(at + 1, mean, color=colour, label=name, linewidth=1.6)
            axes.fill_between(at + 1, mean - error, mean + error, color=colour, alpha=0.15)
        axes.set_ylim(
            0, 1.1 * max(regrets[name].mean(axis=0)[-1] for name in regrets if name != "random")
        )
        axes.set_xlabel("lists shown")
        axes.set_ylabel("clicks lost against the best list")
        axes.grid(visible=True, color="#dddddd")
        axes.legend(loc="upper left")
        figure.patch.set_facecolor("white")
        with atomic_path(path) as part:
            unsigned = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            figure.savefig(part, format="svg", metadata=unsigned)


def main(
    rounds: Annotated[int, typer.Option(help="Lists of each run.", min=20)] = 6_000,
    runs: Annotated[int, typer.Option(help="Runs, each with other click rates.", min=2)] = 6,
    out: Annotated[Path, typer.Option(help="The plot, an SVG file.")] = Path(
        "docs/concepts/regret.svg"
    ),
) -> None:
    """Measure the regret of every way of exploring, print it and draw it."""
    regrets = simulate_all(rounds, runs)
    Console().print(table(regrets))
    plot(regrets, out)


if __name__ == "__main__":
    typer.run(main)
