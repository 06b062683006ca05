"""Lists in the middle of a visit: the funnel against one matrix product, event by event.

python -m benchmarks.quality.visits --data data/ml-100k [--cuts 0.6,0.7,0.8,0.9]

Everything is trained before a cut, as ``recfunnel train`` does it. The events of the next tenth of
the log arrive in order of time. Each user with at least ten of them gets a list before the first
event, and after 1, 2, 5, 10 and 20. Relevant is what the user likes later in the window. The
counters of popularity move on with every event.

The rivals know the same events of the user: EASE (Steck, 2019) with two penalties, and item cosine,
with the events of the window once or three times. They are fitted at the cut over all pairs of
items. The one rival that a window is compared with has the best lists after an event in all earlier
windows, of users with or without a history; the first window is used for this alone.

With ``--libraries benchmarks/quality/results/ml-100k.json``, the libraries that can fold in a user
have lists too, with the settings of that result.
"""

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from app.artifacts import Rankers
from app.contracts import Request, Rows
from app.cpu import Cpu
from app.funnel import Funnel
from app.rerank.seen import seen_rules
from benchmarks.quality.result_file import write_result
from benchmarks.quality.visit_libraries import FOLD_IN_LIBRARIES, TunedLibraries, fill_empty
from offline.cli.errors import errors_as_sentences
from offline.config import JobConfig
from offline.data.dataset import Dataset, Log
from offline.data.errors import DataError
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.data.split import split_by_time
from offline.evaluate.intervals import Bootstrap
from offline.evaluate.metrics import K, Lists, user_ndcg
from offline.evaluate.rowsets import RowSets
from offline.job import adapt_config, fit_rankers, funnel_config
from offline.models.registry import fit_models
from offline.phases import PhaseTimer
from offline.training.past_requests import (
    ActiveUser,
    advance_counters,
    advance_user,
    build_offline_funnel,
    find_active_users,
    recommend_once,
    split_events_by_user,
)
from offline.training.visits import VISIT_EVENTS

FIRST_CUT = 0.5  # its window chooses the rival of the next one
CUTS = "0.6,0.7,0.8,0.9"
WIDTH = 0.1  # share of the interactions in each window
MIN_EVENTS = 10  # of a user in the window
PENALTIES = (300.0, 3_000.0)  # of EASE
FRESH_WEIGHTS = (1.0, 3.0)  # of an event of the window; one of before counts once
MAX_ITEMS = 20_000  # the rivals have an entry for each pair of items
FUNNEL, SERVED, POPULARITY = "funnel", "as served", "popularity"  # served: with exploration
FUNNEL_COLUMNS = (FUNNEL, SERVED, "rival", POPULARITY)


@dataclass(frozen=True, slots=True, eq=False)
class VisitRequest:
    """A list to compute, and what its user had done until then."""

    user: ActiveUser
    events: int  # of the window, before the request
    is_warm: bool  # the user had a history before the window


@dataclass(frozen=True, slots=True, eq=False)
class VisitLines:
    """NDCG@10 of each method for each request of one window."""

    name: str
    users: NDArray[np.int64]  # (n,)
    events: NDArray[np.int64]  # (n,)
    is_warm: NDArray[np.bool_]  # (n,)
    ndcg: dict[str, NDArray[np.float64]]  # by method, (n,)


@dataclass(frozen=True, slots=True, eq=False)
class MatrixProducts:
    """Matrices from item to item, fitted on what users liked before the cut."""

    matrices: dict[str, NDArray[np.float64]]  # by name, (i, i)
    popularity: NDArray[np.float64]  # (i,) users who liked each item

    @classmethod
    def of(cls, log: Log, users: int, items: int) -> "MatrixProducts":
        """Fit all of them.

        Raises:
            DataError: there are too many items for an entry for each pair.
        """
        if items > MAX_ITEMS:
            raise DataError(
                f"The matrix products need an entry for each pair of the {items:,} items, and "
                f"are compared with up to {MAX_ITEMS:,} items."
            )
        liked = log.weights > 0
        matrix = np.zeros((users, items), np.float32)
        matrix[log.users[liked], log.items[liked]] = 1.0
        gram = (matrix.T @ matrix).astype(np.float64)
        popularity = np.diag(gram).copy()
        lengths = np.sqrt(popularity) + 1e-9
        cosine = gram / lengths[:, None] / lengths
        np.fill_diagonal(cosine, 0.0)
        matrices = {"cosine": cosine}
        for penalty in PENALTIES:
            inverse = np.linalg.inv(gram + penalty * np.eye(items))
            weights = -inverse / np.diag(inverse)
            np.fill_diagonal(weights, 0.0)
            matrices[f"ease {penalty:.0f}"] = weights
        return cls(matrices, popularity)

    def lists(
        self, request: VisitRequest, past: Log, is_hidden: NDArray[np.bool_]
    ) -> dict[str, Rows]:
        """Return the list of each product, and that of popularity, by name."""
        since = request.user.since
        fresh = np.unique(since.rows[since.weights > 0])
        liked = np.union1d(past.items[past.weights > 0], fresh)
        scores = {POPULARITY: self.popularity}
        for name, matrix in self.matrices.items():
            once = matrix[liked].sum(axis=0)
            for weight in FRESH_WEIGHTS:
                more = (weight - 1.0) * matrix[fresh].sum(axis=0)
                scores[f"{name}, fresh x {weight:.0f}"] = once + more + 1e-9 * self.popularity
        return {
            name: np.argsort(-np.where(is_hidden, -np.inf, one), kind="stable")[:K]
            for name, one in scores.items()
        }


def list_requests(
    dataset: Dataset, start: float, end: float, config: JobConfig
) -> list[VisitRequest]:
    """List the requests of a window in order of time: one for each moment of each user.

    Users with fewer than ``MIN_EVENTS`` events in the window have none.
    """
    log = dataset.log
    active = find_active_users(log, start, end, seen_rules(config.policy.seen))
    had_events = np.bincount(log.before(start).users, minlength=len(dataset.users)) > 0
    requests = []
    events = split_events_by_user(log.between(start, end), active)
    for own, user in zip(events, active, strict=True):
        if len(own) < MIN_EVENTS:
            continue
        for n in VISIT_EVENTS:
            moment = advance_user(own, user, n) if n < len(own) else None
            if moment:
                requests.append(VisitRequest(moment, n, bool(had_events[user.user])))
    return sorted(requests, key=lambda request: request.user.at)


def measure(
    dataset: Dataset, cut: float, config: JobConfig, libraries: TunedLibraries | None = None
) -> VisitLines:
    """Train before the cut, and compute the lists of the window after it.

    Raises:
        DataError: the data has no times, a part of the log is too small, or a library failed.
    """
    if not dataset.traits.has_times:
        raise DataError("Without timestamps there are no visits.")
    times = dataset.log.times
    after = float(np.nextafter(times[-1], np.inf))
    start, end = (
        float(times[at]) if (at := round(share * len(times))) < len(times) else after
        for share in (cut, cut + WIDTH)
    )
    past = replace(dataset, log=dataset.log.before(start))
    requests = list_requests(dataset, start, end, config)
    if not requests:
        raise DataError(f"No user has {MIN_EVENTS} events in the window from {cut:.0%}.")
    with closing(Cpu(threads=1)) as cpu:
        lists = _rival_lists(past, requests)
        if cut > FIRST_CUT:
            split = split_by_time(past.log, test_share=1 / len(past.log))
            config, _ = adapt_config(past, split, config, cpu)
            wiring = funnel_config(config, cpu)
            rankers: Rankers = fit_rankers(past, split, config, wiring, PhaseTimer()).rankers
            models = fit_models(past, past.log, config.recall, start)
            if libraries:
                of_libraries = libraries.lists(past, [one.user for one in requests])
                popular = lists[POPULARITY]
                lists |= {name: fill_empty(rows, popular) for name, rows in of_libraries.items()}
            for name in (FUNNEL, SERVED):
                funnel = build_offline_funnel(models, wiring, rankers)
                work = _funnel_lists(funnel, dataset, requests, config.seed, explore=name == SERVED)
                lists[name] = asyncio.run(work)
    relevant = RowSets.of([one.user.relevant for one in requests])
    return VisitLines(
        f"{cut:.0%}",
        np.array([one.user.user for one in requests], np.int64),
        np.array([one.events for one in requests], np.int64),
        np.array([one.is_warm for one in requests], np.bool_),
        {name: user_ndcg(_padded(rows), relevant) for name, rows in lists.items()},
    )


def _rival_lists(past: Dataset, requests: list[VisitRequest]) -> dict[str, list[Rows]]:
    log, n_items = past.log, len(past.catalogue)
    products = MatrixProducts.of(log, len(past.users), n_items)
    order = np.argsort(log.users, kind="stable")
    bounds = np.searchsorted(log.users[order], np.arange(len(past.users) + 1))
    lists: dict[str, list[Rows]] = {}
    for request in requests:
        user = request.user.user
        own = log.take(order[bounds[user] : bounds[user + 1]])
        is_hidden = ~past.catalogue.available[:n_items]
        is_hidden[own.items] = is_hidden[request.user.since.rows] = True
        for name, rows in products.lists(request, own, is_hidden).items():
            lists.setdefault(name, []).append(rows)
    return lists


async def _funnel_lists(
    funnel: Funnel, dataset: Dataset, requests: list[VisitRequest], seed: int, *, explore: bool
) -> list[Rows]:
    query_builder = funnel.query_builder
    lists: list[Rows] = []
    counted_until = query_builder.counters.now
    names = dataset.users.names(np.array([one.user.user for one in requests], np.int64))
    for name, one in zip(names, requests, strict=True):
        advance_counters(query_builder, dataset.log, counted_until, one.user.at)
        counted_until = max(counted_until, one.user.at)
        request = Request(name, K, seed, arrived=0.0, inline=one.user.since, explore=explore)
        lists.append((await recommend_once(funnel, request)).slate.pool.rows)
    return lists


def _padded(lists: Sequence[Rows]) -> Lists:
    rows = np.full((len(lists), K), -1, np.int64)
    for n, one in enumerate(lists):
        rows[n, : len(one)] = one[:K]
    return rows


def compare(windows: Sequence[VisitLines], seed: int) -> list[dict[str, Any]]:
    """Compare the funnel with the rival of each window, by events and over all windows.

    ``windows`` are in order of time; the first one only chooses a rival. Users are resampled.
    """
    lines = []
    for is_warm in (True, False):
        columns, users, events = [], [], []
        for n, window in enumerate(windows[1:], 1):
            rival = best_rival(windows[:n], is_warm=is_warm)
            chosen = window.is_warm == is_warm
            values = [window.ndcg[name][chosen] for name in (FUNNEL, SERVED, rival, POPULARITY)]
            columns.append(np.stack(values, axis=1))
            users.append(1_000_000_000 * n + window.users[chosen])
            events.append(window.events[chosen])
        table, owners, after = map(np.concatenate, (columns, users, events))
        for count in (*VISIT_EVENTS, None):
            rows = after > 0 if count is None else after == count
            if rows.any():
                sample = Bootstrap.of(table[rows], seed, user_ids=owners[rows])
                lines.append(
                    {
                        "users": "with a history" if is_warm else "new",
                        "events": "1 and more" if count is None else str(count),
                        "lists": int(rows.sum()),
                        **{
                            name: sample.mean(column)["mean"]
                            for column, name in enumerate(FUNNEL_COLUMNS)
                        },
                        "ratio": sample.ratio(0, 2),
                        "served_ratio": sample.ratio(1, 0),
                    }
                )
    return lines


def compare_libraries(windows: Sequence[VisitLines], seed: int) -> list[dict[str, Any]]:
    """Compare the funnel with each library after an event, over all windows but the first."""
    names = [name for name in FOLD_IN_LIBRARIES if name in windows[-1].ndcg]
    lines = []
    for is_warm in (True, False):
        chosen = [(one.is_warm == is_warm) & (one.events > 0) for one in windows[1:]]
        parts = list(zip(windows[1:], chosen, strict=True))
        owners = [1_000_000_000 * n + one.users[rows] for n, (one, rows) in enumerate(parts)]
        columns = [
            np.concatenate([one.ndcg[name][rows] for one, rows in parts])
            for name in (FUNNEL, *names)
        ]
        if not names or not len(columns[0]):
            continue
        sample = Bootstrap.of(np.stack(columns, axis=1), seed, user_ids=np.concatenate(owners))
        lines += [
            {
                "users": "with a history" if is_warm else "new",
                "library": name,
                "ndcg@10": sample.mean(column)["mean"],
                "ratio": sample.ratio(0, column),
            }
            for column, name in enumerate(names, 1)
        ]
    return lines


def best_rival(earlier: Sequence[VisitLines], *, is_warm: bool) -> str:
    """Return the matrix product with the best lists after an event in these windows."""
    others = (*FUNNEL_COLUMNS, *FOLD_IN_LIBRARIES)
    names = [name for name in earlier[0].ndcg if name not in others]

    def mean(name: str) -> float:
        chosen = [one.ndcg[name][(one.is_warm == is_warm) & (one.events > 0)] for one in earlier]
        values = np.concatenate(chosen)
        return float(values.mean()) if len(values) else 0.0

    return max(names, key=mean)


def show(lines: list[dict[str, Any]], rivals: dict[str, dict[str, str]], console: Console) -> None:
    """Print a line for each number of events."""
    ratios = ("funnel / rival", "as served / funnel")
    table = Table("users", "events", "lists", *FUNNEL_COLUMNS, *ratios)
    for line in lines:
        figures = [f"{line[name]:.3f}" for name in FUNNEL_COLUMNS]
        intervals = [
            "{mean:.2f} ({low:.2f} to {high:.2f})".format(**line["ratio"]),
            "{mean:.3f} ({low:.3f} to {high:.3f})".format(**line["served_ratio"]),
        ]
        table.add_row(line["users"], line["events"], str(line["lists"]), *figures, *intervals)
    console.print(table)
    console.print(f"rivals: {rivals}", markup=False)


def show_libraries(lines: list[dict[str, Any]], console: Console) -> None:
    """Print a line for each library that can fold in a user."""
    table = Table("users", "library", "after an event", "funnel / library")
    for line in lines:
        ratio = "{mean:.2f} ({low:.2f} to {high:.2f})".format(**line["ratio"])
        table.add_row(line["users"], line["library"], f"{line['ndcg@10']:.3f}", ratio)
    console.print(table)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    cuts: Annotated[str, typer.Option(help="Cuts, as shares of the interactions.")] = CUTS,
    libraries: Annotated[
        Path | None,
        typer.Option(help="Result of benchmarks.quality.run: libraries with its settings, too."),
    ] = None,
    result: Annotated[Path | None, typer.Option(help="File of the result, as JSON.")] = None,
) -> None:
    """Compare lists in the middle of a visit with those of one matrix product."""
    console, config = Console(width=160), JobConfig()
    with errors_as_sentences():
        dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
        shares = [FIRST_CUT, *(float(share) for share in cuts.split(","))]
        tuned = TunedLibraries.read(libraries) if libraries else None
        windows = [measure(dataset, share, config, tuned) for share in shares]
    lines, of_libraries = compare(windows, config.seed), compare_libraries(windows, config.seed)
    rivals = {
        window.name: {
            group: best_rival(windows[:n], is_warm=is_warm)
            for group, is_warm in (("with a history", True), ("new", False))
        }
        for n, window in enumerate(windows)
        if n
    }
    show(lines, rivals, console)
    if of_libraries:
        show_libraries(of_libraries, console)
    if result:
        write_result(result, {"lines": lines, "rivals": rivals, "libraries": of_libraries})


if __name__ == "__main__":
    typer.run(main)
