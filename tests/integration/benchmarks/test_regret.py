"""The simulation of exploration in a trained world."""

from dataclasses import replace

import numpy as np

from benchmarks import regret as simulation
from benchmarks.regret import (
    DEFAULT_POLICY,
    EXPLORATION_POLICIES,
    SimulatedCatalogue,
    plot,
    simulate_all,
    simulate_regret,
    table,
)


def test_regret_only_grows_and_the_same_seed_is_the_same_world():
    one, two = simulate_regret(DEFAULT_POLICY, 60, 3), simulate_regret(DEFAULT_POLICY, 60, 3)
    assert one.tolist() == two.tolist()
    assert np.all(np.diff(one) >= -1e-12)
    assert simulate_regret(DEFAULT_POLICY, 60, 4)[-1] != one[-1]


def test_a_ranking_with_exact_estimates_loses_almost_nothing_without_exploration():
    trained = SimulatedCatalogue(new_share=0.0, prior_impressions=1_000_000)
    assert simulate_regret(replace(DEFAULT_POLICY, explore_slots=0), 50, 1, trained)[-1] < 0.5
    assert simulate_regret(EXPLORATION_POLICIES["random"], 50, 1, trained)[-1] > 20


def test_thompson_sampling_finds_underestimated_items():
    lost = {
        name: simulate_regret(EXPLORATION_POLICIES[name], 1_200, 0)
        for name in ("no exploration", "thompson", "random")
    }
    late = {name: calls[-1] - calls[-301] for name, calls in lost.items()}
    assert late["thompson"] < late["no exploration"] < late["random"]


def test_the_command_prints_a_table_and_draws_the_curves(tmp_path, capsys):
    simulation.main(rounds=40, runs=2, out=tmp_path / "regret.svg")
    calls = capsys.readouterr().out
    assert all(name in calls for name in EXPLORATION_POLICIES)
    drawn = (tmp_path / "regret.svg").read_text()
    assert "clicks lost against the best list" in drawn
    again = tmp_path / "again.svg"
    plot(simulate_all(40, 2), again)
    assert again.read_text() == drawn


def test_the_table_has_the_mean_of_the_runs():
    lost = np.array([[1.0, 3.0], [1.0, 5.0]])
    column = table({"random": lost}).columns
    assert list(column[1].cells) == ["4 ± 1"]
    assert list(column[2].cells) == ["2.000"]
    assert list(column[3].cells) == ["3.000"]
