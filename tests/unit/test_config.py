"""The training configuration as a file, and what is message of one that cannot be used."""

import re
import tomllib
from dataclasses import fields, is_dataclass, replace
from math import inf
from pathlib import Path
from typing import get_type_hints

import pytest
import typer

from app.artifacts import DAY
from app.bundle.manifest import BundleError
from app.recall.registry import CHANNELS
from app.rerank.policies import SceneSettings
from app.settings import Settings
from offline.cli import errors_as_sentences
from offline.commands.train import TrainOptions
from offline.config import (
    CHANNEL_SETTINGS,
    NOT_IN_FILE,
    ConfigError,
    JobConfig,
    build_job_config,
    config_to_toml,
    read_config,
)
from offline.evaluate.gate import GateConfig
from offline.models.registry import RecallConfig
from offline.publish.writer import write_bundle
from offline.setting_paths import flatten_config
from tests.bundles import build_training_result
from tests.conftest import ROOT

CHANGED = """
seed = 3
users_per_window = 50
[recall]
factorisation = "bpr"
[recall.item_cf]
half_life = 86_400
shrink = 0.5
[recall.als]
half_life = inf
[rank]
leaves = 5
[sizes]
recall = 90
"""


def written(folder: Path, content: str) -> Path:
    path = folder / "tuned.toml"
    path.write_text(content, encoding="utf-8")
    return path


def flat(config):
    """Every setting that a file may hold, by its path."""
    return {
        name: value
        for name, value in flatten_config(config).items()
        if name.split(".")[0] not in NOT_IN_FILE
    }


def leaves(kind, prefix=""):
    """The name and the annotated type of every setting."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if not prefix and name in NOT_IN_FILE:
            continue
        if is_dataclass(hint):
            yield from leaves(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", hint


def test_a_file_sets_what_it_names_and_leaves_the_rest_at_its_default(tmp_path):
    config = read_config(written(tmp_path, CHANGED))
    default = flat(build_job_config({}, "defaults"))
    changed = {name: value for name, value in flat(config).items() if value != default[name]}
    assert changed == {
        "seed": 3,
        "users_per_window": 50,
        "recall.seed": 3,
        "recall.factorisation": "bpr",
        "recall.item_cf.half_life": DAY,
        "recall.item_cf.shrink": 0.5,
        "recall.als.half_life": "inf",
        "rank.leaves": 5,
        "sizes.recall": 90,
    }


def test_what_is_written_is_read_back_to_the_last_bit(tmp_path):
    one = read_config(written(tmp_path, CHANGED))
    one = replace(one, recall=replace(one.recall, seed=8))
    path = written(tmp_path, config_to_toml(one, "found by a search\n\nin two lines"))
    assert path.read_text().startswith("# found by a search\n#\n# in two lines\nseed = 3\n")
    assert read_config(path) == one


def test_a_file_without_settings_is_the_default_with_one_seed_for_all(tmp_path):
    config = read_config(written(tmp_path, "# nothing\n"))
    assert config == JobConfig(recall=RecallConfig(seed=JobConfig().seed))


def test_every_setting_is_written_but_those_of_the_service_and_the_command():
    content = config_to_toml(JobConfig())
    names = {field.name for field in fields(JobConfig)}
    assert set(tomllib.loads(content)) | NOT_IN_FILE | {"channels"} == names
    assert set(tomllib.loads(content)["recall"]) >= set(CHANNELS)
    assert set(tomllib.loads(content)) & NOT_IN_FILE == set()
    values = flat(JobConfig()).values()
    assert content.count(" = ") == sum(value is not None for value in values)


def test_every_number_says_what_it_may_be():
    unlimited = [name for name, hint in leaves(JobConfig) if hint in {int, float}]
    assert unlimited == [], "give these one of app.contracts as their type"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[recall.item_cf]\nneighbors = 5", "no setting recall.item_cf.neighbors. Is it neighbou"),
        ("[recal]\nseed = 5", "no setting recal. Is it recall?"),
        (
            "[recall]\nxyzzy = 5",
            "no setting recall.xyzzy. The settings here are als, als_explicit, bpr",
        ),
        ("sizes = 3", "sizes cannot be 3: it should be a table."),
        ("recall = 3", "recall cannot be 3: it should be a table."),
        ("[recall.als]\nsize = 0", "recall.als.size cannot be 0: it should be greater than or eq"),
        ("[recall.als]\nsize = 8.0", "recall.als.size cannot be 8.0: it should be a valid integer"),
        ("[recall.als]\nsize = true", "recall.als.size cannot be True: it should be a valid int"),
        ("[recall.als]\nreg = 'x'", "recall.als.reg cannot be 'x': it should be a valid number."),
        ("[recall.als]\nreg = nan", "recall.als.reg cannot be nan: it should be less than inf."),
        ("[recall.als]\nreg = inf", "recall.als.reg cannot be inf: it should be less than inf."),
        ("[recall.als]\nreg = 2026-01-01", "recall.als.reg cannot be '2026-01-01': it should be "),
        ("[recall.transitions]\nfade = 1.5", "it should be less than or equal to 1."),
        ("[recall]\nfactorisation = 'svd'", "it should be 'als', 'bpr', 'sgd' or 'als_explicit'."),
        ("seed = -1", "seed cannot be -1: it should be greater than or equal to 0."),
        (
            "[policy]\ndiversity = 0",
            "policy is not a setting of training. Set it in recfunnel.toml",
        ),
        ("redis_url = 'redis://me:secret@x'", "redis_url is not a setting of training"),
        ("seed = ", "is not TOML: "),
        ("seed = 1\nseed = 2", "is not TOML: "),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_is_allowed(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(ConfigError) as raised:
        read_config(path)
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_text_is_not_toml(tmp_path):
    path = tmp_path / "tuned.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not TOML"):
        read_config(path)


def test_a_bundle_holds_the_settings_of_its_training(tmp_path):
    config = read_config(written(tmp_path, CHANGED))
    bundle = write_bundle(build_training_result(settings=flatten_config(config)), tmp_path)
    assert read_config(bundle) == config


def test_a_bundle_without_settings_is_refused(tmp_path):
    bundle = write_bundle(build_training_result(settings={}), tmp_path)
    with pytest.raises(ConfigError, match="holds no settings"):
        read_config(bundle)
    with pytest.raises(BundleError, match="never finished"):
        read_config(tmp_path)


def test_the_command_line_wins_over_the_file(tmp_path):
    path, settings = written(tmp_path, CHANGED), Settings(redis_url=None)
    config = TrainOptions(config=path).job_config(settings)
    assert (config.seed, config.recall.seed, config.recall.factorisation) == (3, 3, "bpr")
    message = TrainOptions(4, "sgd", "adjusted_cosine", config=path).job_config(settings)
    assert (message.seed, message.recall.seed, message.recall.factorisation) == (4, 4, "sgd")
    assert message.recall.item_cf == replace(config.recall.item_cf, similarity="adjusted_cosine")
    assert message.rank == config.rank


def test_settings_of_the_service_come_from_the_service(tmp_path):
    settings = Settings(
        policy=SceneSettings(diversity=0.3), redis_url="redis://x", key_prefix="mine"
    )
    gate = GateConfig(margin=0.1)
    config = TrainOptions(gate=gate, keep=2, config=written(tmp_path, CHANGED)).job_config(settings)
    assert config.policy == SceneSettings(diversity=0.3)
    assert (config.redis_url, config.key_prefix) == ("redis://x", "mine")
    assert (config.gate, config.keep) == (gate, 2)


def test_settings_with_which_a_model_diverges_are_one_sentence(capsys):
    with pytest.raises(typer.Exit), errors_as_sentences():
        raise FloatingPointError("the factorisation diverged: lower the learning rate")
    assert "lower the learning rate; see the settings of --config" in capsys.readouterr().err


def test_the_example_in_the_documentation_can_be_used(tmp_path):
    page = (ROOT / "docs" / "guides" / "tuning.md").read_text()
    example = page.split("```toml\n")[1].split("```")[0]
    assert read_config(written(tmp_path, example)).recall.ease.reg == 500.0


def test_earlier_names_of_settings_are_read_with_a_warning(tmp_path, caplog):
    text = """askers = 50
index.looked_into = 0.5
[recall]
ease.fewest_likes = 3
ease.most_items = 40
placement.fewest = 4"""
    config = read_config(written(tmp_path, text))
    assert (config.users_per_window, config.index.probed_share) == (50, 0.5)
    assert (config.recall.ease.min_likes, config.recall.ease.max_items) == (3, 40)
    assert config.recall.placement.min_likes == 4
    assert "askers is now users_per_window" in caplog.text
    assert "recall.ease.fewest_likes is now recall.ease.min_likes" in caplog.text


def test_endless_is_a_number_of_seconds():
    assert (
        build_job_config({"recall": {"ease": {"half_life": inf}}}, "x").recall.ease.half_life == inf
    )


def test_a_channel_is_turned_off_and_limited_in_the_table_of_its_name(tmp_path):
    content = "[recall.ease]\nenabled = false\nneighbours = 9\n[recall.sequence]\nlimit = 300\n"
    config = read_config(written(tmp_path, content))
    assert not config.channels["ease"].enabled
    assert config.recall.ease.neighbours == 9
    assert config.channels["sequence"].limit == 300
    assert config.channels["item_cf"] == JobConfig().channels["item_cf"]


def test_no_setting_of_a_channel_has_the_name_of_one_of_its_model():
    for name, own in CHANNEL_SETTINGS.items():
        model = getattr(RecallConfig(), name, None)
        assert model is None or own.isdisjoint(field.name for field in fields(model))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[recall.sequence]\nneighbours = 9", "the channel sequence has no setting neighbours"),
        ("[recall.ease]\nlimit = 0", "the setting limit of the channel ease cannot be 0"),
        ("[recall.easy]\nlimit = 9", "there is no setting recall.easy. Is it ease?"),
    ],
)
def test_a_channel_setting_that_cannot_be_used_is_named(tmp_path, content, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_config(written(tmp_path, content))
