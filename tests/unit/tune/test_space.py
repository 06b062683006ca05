"""What may be tried: every line of the space names a setting, and nothing a file would refuse."""

from dataclasses import fields
from math import inf

import pytest

from app.recall.registry import CHANNELS
from offline.config import build_job_config, config_to_toml, read_config
from offline.models.registry import RECALL_MODELS, RecallConfig, without_decay
from offline.setting_paths import flatten_config, value_of, with_values
from offline.tune.space import (
    COARSE,
    FINE,
    RECALL,
    SIZES,
    Options,
    Range,
)

ALL = [one for part in (*RECALL.values(), COARSE, FINE, SIZES) for one in part]
TRIED = {one.name: one.values if isinstance(one, Options) else (one.low, one.high) for one in ALL}
BASE = build_job_config({}, "defaults")


def names(settings):
    return [one.name for one in settings]


def test_no_setting_stands_there_twice_and_each_is_one_of_the_training():
    assert len(set(names(ALL))) == len(ALL)
    assert set(names(ALL)) <= flatten_config(BASE).keys()


@pytest.mark.parametrize("step", range(max(map(len, TRIED.values()))))
def test_all_that_is_tried_may_stand_in_a_file(step, tmp_path):
    values = {name: tried[step % len(tried)] for name, tried in TRIED.items()}
    path = tmp_path / "tuned.toml"
    path.write_text(config_to_toml(with_values(BASE, values)))
    config = read_config(path)
    assert {name: value_of(config, name) for name in values} == values


def test_the_lines_of_a_model_are_settings_of_that_model():
    assert {one.name for one in fields(RecallConfig)} >= RECALL.keys()
    for model, settings in RECALL.items():
        assert all(name.startswith(f"recall.{model}.") for name in names(settings))


def test_every_model_is_evaluated_by_a_channel_of_the_funnel():
    assert RECALL.keys() <= RECALL_MODELS.keys()
    assert {model.channel for model in RECALL_MODELS.values()} <= set(CHANNELS)


def test_the_default_can_be_drawn():
    for setting in ALL:
        default = value_of(BASE, setting.name)
        drawn = setting.distribution(default)
        choices = getattr(drawn, "choices", None)
        assert default in choices if choices else drawn.low <= default <= drawn.high, setting.name


def test_a_default_outside_the_range_widens_it():
    low = Range("sizes.recall", 10, 20, log=True).distribution(5)
    high = Range("rank.learning_rate", 0.1, 0.2).distribution(0.5)
    assert (low.low, low.high, low.log) == (5, 20, True)
    assert (high.low, high.high, high.log) == (0.1, 0.5, False)
    assert Options("recall.ease.half_life", (1.0, inf)).distribution(2.0).choices == (1.0, inf, 2.0)


def test_a_range_of_ratios_with_a_default_of_zero_becomes_one_of_gaps():
    drawn = Range("recall.item_cf.shrink", 1.0, 100.0, log=True).distribution(0.0)
    assert (drawn.low, drawn.log) == (0.0, False)


def test_changing_settings_leaves_the_rest_and_the_original_as_they_are():
    before = flatten_config(BASE)
    after = flatten_config(with_values(BASE, {"recall.als.size": 5, "rank.leaves": 3, "seed": 1}))
    assert {name for name in after if after[name] != before[name]} == {
        "recall.als.size",
        "rank.leaves",
        "seed",
    }
    assert flatten_config(BASE) == before == flatten_config(with_values(BASE, {}))


def test_without_time_nothing_fades_and_nothing_else_moves():
    before, after = flatten_config(BASE.recall), flatten_config(without_decay(BASE.recall))
    moved = {name for name in after if after[name] != before[name]}
    assert moved
    assert all(name.endswith((".half_life", ".pause")) for name in moved)
    assert {value for name, value in after.items() if "half_life" in name} == {"inf"}
