"""What the objectives grade, and which of them a training blends."""

from pathlib import Path

import numpy as np
import pytest

from app.settings import Settings, SettingsError, read_settings
from offline.commands.train import TrainOptions
from offline.config import build_job_config, config_to_toml
from offline.data.dataset import NO_LOG, DataTraits, Log
from offline.data.errors import DataError
from offline.training.objectives import (
    DEFAULT_WEIGHTS,
    ObjectiveWeights,
    choose_objectives,
    compute_grade_bounds,
    compute_grades,
    compute_outcomes,
    parse_objectives,
)
from offline.training.past_requests import ActiveUser, add_later_events
from tests.fakes import rows, small_dataset

SEVERAL_KINDS = DataTraits(
    is_explicit=False, positive_at=4.0, has_times=True, positive_weights=(0.2, 1.0, 2.0)
)
ONE_KIND = DataTraits(is_explicit=True, positive_at=4.0, has_times=True)


def events(*done):
    """A user's events (item row, weight, value), in order of time."""
    items, weights, values = zip(*done, strict=True)
    n = len(items)
    return Log(
        np.zeros(n, np.int32),
        np.array(items, np.int32),
        np.array(values, np.float32),
        np.array(weights, np.float32),
        np.arange(n, dtype=np.float64),
    )


def test_what_was_done_with_an_item_is_told_by_objective():
    done = events((3, 0.2, 1), (3, 2, 10), (5, -1, 4), (9, 0, 7), (5, 2, 1), (8, -1, 2), (3, 2, 5))
    found = compute_outcomes(rows(8, 3, 4, 9, 5), done, strongest=2.0)
    assert found.tolist() == pytest.approx(
        np.array([[0, 0, 0], [1, 1, 30.2], [0, 0, 0], [1, 0, 0], [1, 1, 0]])
    )
    assert found.dtype == np.float32


def test_where_nothing_was_done_or_proposed_there_is_no_outcome():
    assert not compute_outcomes(rows(1, 2), NO_LOG, 1.0).any()
    assert compute_outcomes(rows(), events((1, 1, 1)), 1.0).shape == (0, 3)


def test_grades_of_value_have_equal_ratios_between_the_least_and_a_large_worth():
    worth = np.geomspace(1, 10_000, 101)
    bounds = compute_grade_bounds(np.concatenate([[0, 0], worth, worth[:50]]))
    assert bounds[1:] / bounds[:-1] == pytest.approx([bounds[0]] * 2)
    done = np.zeros((5, 3), np.float32)
    done[:, 2] = 0, 1, bounds[0] * 1.01, bounds[2] * 0.99, 1e9
    assert compute_grades(done, "value", bounds).tolist() == [0, 1, 2, 3, 4]


def test_one_that_is_worth_far_more_does_not_make_all_others_equal():
    worth = np.append(np.arange(1, 200), 1e9)
    assert compute_grade_bounds(worth)[-1] < 200


@pytest.mark.parametrize("worth", [[], [0, 0], [3, 3]])
def test_where_all_are_worth_the_same_they_are_graded_alike(worth):
    done = np.zeros((2, 3), np.float32)
    done[1, 2] = 3
    first, second = compute_grades(done, "value", compute_grade_bounds(np.array(worth)))
    assert first == 0 < second


def test_click_and_conversion_are_yes_or_no():
    done = np.array([[1, 0, 9], [1, 1, 0], [0, 0, 0]], np.float32)
    assert compute_grades(done, "click", np.ones(3)).tolist() == [1, 1, 0]
    assert compute_grades(done, "conversion", np.ones(3)).tolist() == [0, 1, 0]


def test_the_single_model_is_enough_unless_event_types_differ_or_weights_are_told():
    assert choose_objectives(ObjectiveWeights(), ONE_KIND) == {}
    assert choose_objectives(ObjectiveWeights(), SEVERAL_KINDS) == {
        "click": 1.0,
        "conversion": 0.3,
        "value": 0.2,
    }
    assert choose_objectives(ObjectiveWeights(value=2), ONE_KIND) == {"value": 2}
    assert choose_objectives(ObjectiveWeights(relevant=1), SEVERAL_KINDS) == {}
    assert choose_objectives(ObjectiveWeights(relevant=1, click=1), ONE_KIND) == {
        "relevant": 1,
        "click": 1,
    }


def test_with_a_hybrid_there_is_nothing_to_blend():
    assert choose_objectives(ObjectiveWeights(), SEVERAL_KINDS, "weighted") == {}
    with pytest.raises(DataError, match=r"leave out either rankers\.fine or the objectives"):
        choose_objectives(ObjectiveWeights(click=1), ONE_KIND, "weighted")


def test_weights_are_read_from_the_command_line():
    assert parse_objectives("conversion=1, click=0.3") == {"conversion": 1, "click": 0.3}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("click", "'click' is not the weight"),
        ("click=much", "'click=much' is not the weight"),
        ("cash=1", "no objective 'cash': there are relevant, click, conversion, value"),
        ("click=-1", "not negative"),
        ("click=inf", "not negative"),
        ("click=nan", "not negative"),
        ("click=0", "one is above 0"),
        ("", "'' is not the weight"),
    ],
)
def test_weights_that_make_no_sense_are_told(told, said):
    with pytest.raises(DataError, match=said):
        parse_objectives(told)


def test_objectives_are_settings_of_the_training(tmp_path):
    config = build_job_config({"objectives": {"click": 0.3, "value": 1}}, "file")
    assert config.objectives == ObjectiveWeights(click=0.3, value=1)
    (tmp_path / "again.toml").write_text(config_to_toml(config))
    settings = Settings(redis_url=None)
    assert (
        TrainOptions(config=tmp_path / "again.toml").job_config(settings).objectives
        == config.objectives
    )
    told = TrainOptions(config=tmp_path / "again.toml", objectives="conversion=2").job_config(
        settings
    )
    assert told.objectives == ObjectiveWeights(conversion=2)


def test_an_asker_knows_what_the_user_did_from_the_moment_to_the_end():
    log = small_dataset().log
    start, end = (float(t) for t in np.quantile(log.times, [0.5, 0.8]))
    mine = np.flatnonzero((log.users == 3) & (log.times >= start) & (log.times < end))
    middle = float(log.times[mine[len(mine) // 2]])
    early, late = add_later_events(
        log, [ActiveUser(3, rows()), ActiveUser(3, rows(), at=middle)], start, end
    )
    assert early.later.items.tolist() == log.items[mine].tolist()
    assert late.later.items.tolist() == log.items[mine[log.times[mine] >= middle]].tolist()
    assert set(early.later.users.tolist()) == {3}


def test_the_weights_without_any_told_are_those_of_the_documentation():
    page = (Path(__file__).parents[3] / "docs" / "guides" / "objectives.md").read_text()
    assert (
        f"click={DEFAULT_WEIGHTS.click:g},conversion={DEFAULT_WEIGHTS.conversion:g},value={DEFAULT_WEIGHTS.value:g}"
        in page
    )


def test_the_services_weights_come_from_the_environment_or_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recfunnel.toml").write_text("[objectives]\nclick = 0.5\nvalue = 1\n")
    monkeypatch.setenv("RECFUNNEL_OBJECTIVES__CLICK", "0.25")
    assert read_settings({}).objectives == {"click": 0.25, "value": 1}
    monkeypatch.setenv("RECFUNNEL_OBJECTIVES__CLICK", "-1")
    with pytest.raises(SettingsError, match=r"objectives\.click cannot be used"):
        read_settings({})
