"""The search as a whole, over parts that are quick to judge: what is taken up, and what is not."""

from dataclasses import dataclass, field, replace
from io import StringIO
from time import monotonic

import numpy as np
import pytest
from rich.console import Console

from offline.config import JobConfig
from offline.data.split import split_by_time
from offline.tune.search import Budget, FunnelComparison, Search, SearchListener, SearchResult
from offline.tune.space import Options
from offline.tune.study import SearchPart, open_trials
from offline.tune.view import (
    describe_comparison,
    file_header,
    progress_bars,
    results_table,
    show_progress,
)
from offline.tune.windows import TuningData
from tests.fakes import small_dataset

BASE = JobConfig()
DATASET = small_dataset()
DATA = TuningData.of(DATASET, split_by_time(DATASET.log).windows)
LEAVES = Options("rank.leaves", (7, 9, 11))
TRUNCATION = Options("rank.truncation", (30, 60))
RANK = {7: 0.1, 9: 0.2, 11: 0.3}


@dataclass
class World:
    """Two parts with figures by what is tried, and what the whole funnel is worth."""

    confirms: bool = True  # in the confirming window as in the others
    whole: float = 0.1  # of what was found, above the default
    requests: list = field(default_factory=list)

    def leaves(self, config, window):
        self.requests.append(("leaves", config, window))
        worth = RANK[config.rank.leaves]
        return np.full((4, 1), worth if window < DATA.confirmation or self.confirms else -worth)

    def truncation(self, config, window):
        self.requests.append(("truncation", config, window))
        return np.zeros((4, 1))

    def parts(self, *_):
        return [
            SearchPart("leaves", "share kept", (LEAVES,), self.leaves),
            SearchPart("transitions", "recall@200", (TRUNCATION,), self.truncation, cost=3),
        ]

    def funnel(self, data, cpu, config, window):
        self.requests.append(("whole", config, window))
        return np.linspace(0.2, 0.3, 20) + (0.0 if config == BASE else self.whole)


@pytest.fixture
def searched(tmp_path):
    def run(world, trials=8, seconds=np.inf, listener=None, clock=monotonic) -> SearchResult:
        with open_trials(tmp_path / "t.jsonl") as storage:
            return Search(
                DATA,
                BASE,
                storage,
                Budget(trials, seconds),
                listener or SearchListener(),
                parts=world.parts,
                evaluate=world.funnel,
                clock=clock,
            ).run()

    return run


def test_what_is_better_and_confirmed_and_better_as_a_whole_is_taken_up(searched):
    outcome = searched(World())
    assert outcome.config == replace(BASE, rank=replace(BASE.rank, leaves=11))
    first, second = outcome.parts
    assert (first.values, first.is_kept) == ({"rank.leaves": 11}, True)
    assert first.selection == pytest.approx((0.1, 0.3))
    assert first.confirmation == pytest.approx((0.1, 0.3))
    assert (second.values, second.confirmation, second.is_kept) == ({}, None, False)
    assert outcome.comparison == FunnelComparison(
        20, pytest.approx(0.25), pytest.approx(0.35), outcome.comparison.difference
    )
    assert outcome.comparison.difference["low"] == pytest.approx(0.1)


def test_a_part_builds_on_the_results_before_it(searched):
    world = World()
    searched(world)
    assert {config.rank.leaves for name, config, _ in world.requests if name == "truncation"} == {
        11
    }


def test_each_window_has_its_own_purpose(searched):
    world = World()
    searched(world)
    windows = [window for name, _, window in world.requests if name == "leaves"]
    assert set(windows[:-2]) == set(DATA.selection)
    assert windows[-2:] == [DATA.confirmation] * 2
    assert [window for name, _, window in world.requests if name == "whole"] == [DATA.last] * 2


def test_what_was_best_by_chance_is_not_taken_up(searched):
    world = World(confirms=False)
    outcome = searched(world)
    assert outcome.config == BASE
    assert outcome.parts[0].confirmation == pytest.approx((-0.1, -0.3))
    assert not outcome.parts[0].is_kept
    assert outcome.comparison is None
    assert not [one for one in world.requests if one[0] == "whole"]


@pytest.mark.parametrize("whole", [-0.05, 0.0])
def test_what_is_not_better_as_a_whole_gives_way_to_the_defaults(searched, whole):
    outcome = searched(World(whole=whole))
    assert outcome.parts[0].is_kept
    assert outcome.config == BASE
    assert not outcome.comparison.is_better


def test_a_costly_part_has_fewer_trials(searched):
    outcome = searched(World(), trials=7)
    assert [finding.trials for finding in outcome.parts] == [7, 3]


def test_when_the_time_is_over_only_the_defaults_are_tried(searched):
    outcome = searched(World(), seconds=0.0)
    assert [finding.trials for finding in outcome.parts] == [1, 1]
    assert outcome.config == BASE


def test_the_second_time_no_trial_is_run_again(searched):
    one, two = World(), World()
    first, again = searched(one), searched(two)
    assert (again.config, again.comparison) == (first.config, first.comparison)
    assert [f.selection for f in again.parts] == [f.selection for f in first.parts]
    assert [f.trials for f in again.parts] == [f.trials for f in first.parts]
    chosen = [requests for requests in two.requests if requests[2] in DATA.selection]
    assert chosen == []


def test_more_trials_are_added_to_those_that_are_there(searched):
    searched(World(), trials=2)
    outcome = searched(World(), trials=8)
    assert outcome.parts[0].trials == 8


def test_time_is_shared_by_weight_and_what_is_left_over_goes_on(searched):
    """Each trial takes a second; of 12 the first part has 3 and needs 2, so the second has 10."""
    clock = [0.0]

    def judge(config, window):
        clock[0] += 1.0 if window == DATA.selection[0] else 0.0
        return np.full((2, 1), float(config.rank.leaves + config.rank.truncation))

    world, many = World(), Options("rank.truncation", (30, *range(60, 160)))
    world.parts = lambda *_: [
        SearchPart("leaves", "", (Options("rank.leaves", (7, 9)),), judge),
        SearchPart("truncation", "", (many,), judge, weight=3),
    ]
    outcome = searched(world, trials=12, seconds=12.0, clock=lambda: clock[0])
    assert outcome.parts[0].trials == 12
    assert clock == [12.0]


def shown(outcome, base=BASE):
    console = Console(width=80, record=True, file=StringIO())
    console.print(results_table(outcome.parts))
    return console.export_text(), file_header(outcome, base, "small")


def test_the_table_and_the_head_of_the_file_show_the_result(searched):
    laid_out, head = shown(searched(World()))
    assert "0.100 -> 0.300" in laid_out
    assert "kept" in laid_out
    assert "…" not in laid_out
    assert "the default" in laid_out
    assert head.startswith(
        "Settings for small, by recfunnel tune.\nNDCG@10 of the whole funnel for"
    )
    assert "default 0.2500, new settings 0.3500, +0.1000 (95 % +0.1000 to +0.1000)." in head
    assert "selected on these windows before the test" in head
    assert head.endswith("Changed settings:\n  rank.leaves 7 -> 11")


def test_an_unconfirmed_result_is_named(searched):
    laid_out, head = shown(searched(World(confirms=False)))
    assert "unconfirmed" in laid_out
    assert "No setting is better than the default" in head
    assert "Changed settings" not in head


def test_settings_that_are_worse_together_are_not_written(searched):
    outcome = searched(World(whole=-0.05))
    assert "-0.0500" in describe_comparison(outcome.comparison)
    assert describe_comparison(outcome.comparison).endswith("so the default is written.")


def test_a_gain_that_may_be_chance_is_named():
    difference = {"mean": 0.1, "low": -0.1, "high": 0.3}
    sentence = describe_comparison(FunnelComparison(9, 0.2, 0.3, difference))
    assert sentence.endswith("The interval contains 0, so the gain may be chance.")
    assert "chance" not in describe_comparison(
        FunnelComparison(9, 0.2, 0.3, {"mean": 0.1, "low": 0.01, "high": 0.2})
    )


def test_the_bars_tell_the_trial_the_best_and_the_default(searched):
    progress = progress_bars()
    searched(World(), listener=show_progress(progress))
    first, second, whole = progress.tasks
    assert (first.description, first.completed, first.total) == ("leaves", 8, 8)
    assert first.fields["best"] == "share kept 0.3000 (default 0.1000)"
    assert (second.completed, second.total) == (3, 3)
    assert whole.total is None
    searched(World(), listener=show_progress(progress))
    assert progress.tasks[3].completed == 8
