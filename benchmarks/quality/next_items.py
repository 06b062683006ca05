"""The next item of a session: the funnel against V-SkNN and sequential rules, click by click.

python -m benchmarks.quality.next_items --data data/yoochoose-sessions [--cuts 0.8,0.9]

For data of sessions: a user is one session. Everything is trained before a cut, as
``recfunnel train`` does it. The sessions that begin in the next tenth of the log arrive in order of
time. After each click there is a list over the full catalogue, without the items of the session.
The one relevant item is that of the next click; a click on an item of the session has no list. The
counters of popularity move on with every event.

The rivals know the sessions before the cut and the clicks so far. Their settings are those with the
highest NDCG@10 on the tenth before the cut.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from app.contracts import Request, Rows
from app.cpu import Cpu
from app.funnel import Funnel
from app.rerank.seen import seen_rules
from benchmarks.quality.result_file import write_result
from benchmarks.quality.session_rivals import (
    SequentialRules,
    Session,
    SessionNeighbours,
    SessionRival,
    best_items,
)
from offline.cli.errors import errors_as_sentences
from offline.config import JobConfig
from offline.data.dataset import Dataset, Log
from offline.data.errors import DataError
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.data.split import split_by_time
from offline.evaluate.intervals import Bootstrap
from offline.job import adapt_config, fit_rankers, funnel_config
from offline.models.registry import fit_models
from offline.phases import PhaseTimer
from offline.training.past_requests import (
    ActiveUser,
    advance_counters,
    advance_user,
    build_offline_funnel,
    recommend_once,
)

CUTS = "0.8,0.9"
WIDTH = 0.1  # share of the interactions in each window
K = 20  # of each list
HEAD = 10  # items that NDCG counts
SESSIONS = 1_500  # of each window, at most
TUNING_SESSIONS = 400  # that the settings of the rivals are chosen on
MANY_CLICKS = 4
FUNNEL, VSKNN, RULES = "funnel", "V-SkNN", "sequential rules"  # without exploration
METHODS = (FUNNEL, VSKNN, RULES)
NEIGHBOUR_GRID: tuple[Mapping[str, Any], ...] = tuple(
    {"k": k, "place_weights": place, "step_weights": step, "idf": idf}
    for k, place, step, idf in product(
        (100, 200), ("div", "quadratic"), ("div", "quadratic"), (0.0, 0.5, 1.0)
    )
)
RULE_GRID: tuple[Mapping[str, Any], ...] = tuple(
    {"steps": steps, "weighting": weighting}
    for steps, weighting in product((5, 10, 20), ("same", "div", "linear", "quadratic"))
)
RIVALS = {VSKNN: (SessionNeighbours, NEIGHBOUR_GRID), RULES: (SequentialRules, RULE_GRID)}


@dataclass(frozen=True, slots=True, eq=False)
class NextItem:
    """A list to compute, and the item of the click that followed."""

    user: ActiveUser
    session: Session  # the clicks before the list, oldest first
    target: int


@dataclass(frozen=True, slots=True, eq=False)
class NextItemLines:
    """The place of the target in the list of each method, for each list of one window."""

    name: str
    sessions: NDArray[np.int64]  # (n,)
    clicks: NDArray[np.int64]  # (n,) before the list
    places: dict[str, NDArray[np.int64]]  # by method, (n,); ``K``: not in the list
    settings: dict[str, Mapping[str, Any]]  # of the rivals


def split_sessions(log: Log) -> Iterator[Log]:
    """Yield the events of each user, oldest first."""
    in_order = log.take(np.lexsort((log.times, log.users)))
    starts = np.flatnonzero(np.diff(in_order.users, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(log)], strict=True):
        yield in_order.take(slice(int(start), int(end)))


def past_sessions(log: Log) -> list[Session]:
    """Return the items of each session, those of the earliest last click first."""
    sessions = sorted(split_sessions(log), key=lambda own: float(own.times[-1]))
    return [own.items.tolist() for own in sessions]


def list_next_items(
    dataset: Dataset, start: float, end: float, limit: int, config: JobConfig
) -> list[NextItem]:
    """Return the lists of the sessions that begin in the window, in order of time.

    Of more than ``limit`` sessions, so many are drawn by the seed.
    """
    begun = [own for own in split_sessions(dataset.log) if start <= own.times[0] < end]
    drawn = np.random.default_rng(config.seed).permutation(len(begun))[:limit]
    rules, lists = seen_rules(config.policy.seen), []
    for own in (begun[number] for number in np.sort(drawn)):
        items = own.items.tolist()
        later = ActiveUser(int(own.users[0]), np.unique(own.items).astype(np.int64), seen=rules)
        for clicks in range(1, len(items)):
            moment = advance_user(own, later, clicks)
            if moment and items[clicks] in moment.relevant and own.times[clicks] > own.times[0]:
                lists.append(NextItem(moment, items[:clicks], items[clicks]))
    return sorted(lists, key=lambda one: one.user.at)


def rival_places(rival: SessionRival, lists: Sequence[NextItem]) -> NDArray[np.int64]:
    """Return the place of each target in the rival's list, (n,); ``K``: not in it."""
    return np.array(
        [
            find_place(best_items(rival.scores(one.session), one.session, K), one.target)
            for one in lists
        ],
        np.int64,
    )


def find_place(rows: Rows, target: int) -> int:
    """Return the place of an item in a list; ``K`` if it is not among the first ``K``."""
    places = np.flatnonzero(rows[:K] == target)
    return int(places[0]) if len(places) else K


def ndcg(places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return NDCG@10 of lists with one relevant item at these places, (n,)."""
    return np.where(places < HEAD, 1.0 / np.log2(places + 2.0), 0.0)


def choose_rivals(
    sessions: Sequence[Session], lists: Sequence[NextItem]
) -> dict[str, Mapping[str, Any]]:
    """Return the settings of each rival with the best lists."""
    chosen = {}
    for name, (kind, grid) in RIVALS.items():
        figures = [ndcg(rival_places(kind(sessions, **one), lists)).mean() for one in grid]
        chosen[name] = grid[int(np.argmax(figures))]
    return chosen


def measure(dataset: Dataset, cut: float, sessions: int, config: JobConfig) -> NextItemLines:
    """Train before the cut, and compute the lists of the window after it.

    Raises:
        DataError: the data has no times, or no session of two items in a window.
    """
    if not dataset.traits.has_times:
        raise DataError("Without timestamps there is no next item.")
    times = dataset.log.times
    after = float(np.nextafter(times[-1], np.inf))
    before, start, end = (
        float(times[at]) if (at := round(share * len(times))) < len(times) else after
        for share in (cut - WIDTH, cut, cut + WIDTH)
    )
    tuning = list_next_items(dataset, before, start, TUNING_SESSIONS, config)
    lists = list_next_items(dataset, start, end, sessions, config)
    if not tuning or not lists:
        raise DataError(f"No session with a second item begins in a window before or after {cut}.")
    settings = choose_rivals(past_sessions(dataset.log.before(before)), tuning)
    past = past_sessions(dataset.log.before(start))
    places = {
        name: rival_places(kind(past, **settings[name]), lists)
        for name, (kind, _) in RIVALS.items()
    }
    places[FUNNEL] = _funnel_places(dataset, start, lists, config)
    return NextItemLines(
        f"{cut:.0%}",
        np.array([one.user.user for one in lists], np.int64),
        np.array([len(one.session) for one in lists], np.int64),
        places,
        settings,
    )


def _funnel_places(
    dataset: Dataset, start: float, lists: Sequence[NextItem], config: JobConfig
) -> NDArray[np.int64]:
    """Train on the events before ``start``; return the place of each target, (n,)."""
    past = replace(dataset, log=dataset.log.before(start))
    with closing(Cpu(threads=1)) as cpu:
        split = split_by_time(past.log, test_share=1 / len(past.log))
        config, _ = adapt_config(past, split, config, cpu)
        wiring = funnel_config(config, cpu)
        rankers = fit_rankers(past, split, config, wiring, PhaseTimer()).rankers
        models = fit_models(past, past.log, config.recall, start)
        funnel = build_offline_funnel(models, wiring, rankers)
        return asyncio.run(serve(funnel, dataset, lists, config.seed))


async def serve(
    funnel: Funnel, dataset: Dataset, lists: Sequence[NextItem], seed: int
) -> NDArray[np.int64]:
    """Return the place of each target in the funnel's list, (n,); ``K``: not in it."""
    builder, counted = funnel.query_builder, dataset.log.without_repeats()
    users = dataset.users.names(np.array([one.user.user for one in lists], np.int64))
    places, until = [], builder.counters.now
    for user, one in zip(users, lists, strict=True):
        advance_counters(builder, counted, until, one.user.at)
        until = max(until, one.user.at)
        request = Request(user, K, seed, arrived=0.0, inline=one.user.since, explore=False)
        run = await recommend_once(funnel, request)
        places.append(find_place(run.slate.pool.rows, one.target))
    return np.array(places, np.int64)


def compare(windows: Sequence[NextItemLines], seed: int) -> list[dict[str, Any]]:
    """Compare the funnel with the rivals, by clicks and over all. Sessions are resampled."""
    sessions = np.concatenate(
        [1_000_000_000 * n + window.sessions for n, window in enumerate(windows)]
    )
    clicks = np.concatenate([window.clicks for window in windows])
    places = [np.concatenate([window.places[name] for window in windows]) for name in METHODS]
    figures = np.stack([*map(ndcg, places), *((one < K).astype(np.float64) for one in places)], 1)
    parts = {str(n): clicks == n for n in range(1, MANY_CLICKS)}
    parts |= {f"{MANY_CLICKS} and more": clicks >= MANY_CLICKS, "all": clicks > 0}
    lines = []
    for name, rows in parts.items():
        if rows.any():
            sample = Bootstrap.of(figures[rows], seed, user_ids=sessions[rows])
            means = [sample.mean(column)["mean"] for column in range(2 * len(METHODS))]
            lines.append(
                {
                    "clicks": name,
                    "lists": int(rows.sum()),
                    "ndcg@10": dict(zip(METHODS, means[: len(METHODS)], strict=True)),
                    "hit_rate@20": dict(zip(METHODS, means[len(METHODS) :], strict=True)),
                    "ratios": {rival: sample.ratio(0, METHODS.index(rival)) for rival in RIVALS},
                }
            )
    return lines


def show(lines: list[dict[str, Any]], windows: Sequence[NextItemLines], console: Console) -> None:
    """Print a line for each number of clicks."""
    ratios = [f"funnel / {rival}" for rival in RIVALS]
    table = Table("clicks", "lists", *METHODS, *ratios, title="NDCG@10 (hit rate@20)")
    for line in lines:
        table.add_row(
            line["clicks"],
            str(line["lists"]),
            *(f"{line['ndcg@10'][name]:.4f} ({line['hit_rate@20'][name]:.3f})" for name in METHODS),
            *(
                "{mean:.2f} ({low:.2f} to {high:.2f})".format(**one)
                for one in line["ratios"].values()
            ),
        )
    console.print(table)
    for window in windows:
        console.print(f"{window.name}: {window.settings}", markup=False)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    cuts: Annotated[str, typer.Option(help="Cuts, as shares of the interactions.")] = CUTS,
    sessions: Annotated[int, typer.Option(help="Sessions of each window, at most.")] = SESSIONS,
    result: Annotated[Path | None, typer.Option(help="File of the result, as JSON.")] = None,
) -> None:
    """Compare the list after each click of a session with those of session-based methods."""
    console, config = Console(width=160), JobConfig()
    with errors_as_sentences():
        dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
        windows = [measure(dataset, float(cut), sessions, config) for cut in cuts.split(",")]
    lines = compare(windows, config.seed)
    show(lines, windows, console)
    if result:
        settings = {window.name: window.settings for window in windows}
        write_result(result, {"lines": lines, "settings": settings})


if __name__ == "__main__":
    typer.run(main)
