"""Settings: where they come from, which wins, what is refused, and what a bundle keeps of them."""

import os
from dataclasses import FrozenInstanceError, fields

import pytest
from pydantic import ValidationError

from app.deadline import Checkpoints
from app.rerank.policies import SceneSettings
from app.settings import (
    Settings,
    SettingsError,
    read_settings,
    share_metrics,
    warn_of_unknown_variables,
)
from app.slate_settings import apply_slate_settings, extract_slate_settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_defaults_hold_if_nothing_is_set():
    settings = Settings()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.budget_ms == 100
    assert settings.redis_url is None
    assert settings.policy == SceneSettings()


def test_the_default_checkpoints_are_in_order_and_within_the_budget():
    assert Settings().checkpoints == Checkpoints()
    each = [getattr(Checkpoints(), stage.name) for stage in fields(Checkpoints)]
    assert each[2:] == sorted(each[2:])  # those of the ranking stages
    assert each[-1] * 1000 <= Settings().budget_ms


def test_the_environment_wins_over_the_file_and_arguments_over_both(tmp_path, monkeypatch):
    (tmp_path / "recfunnel.toml").write_text(
        'port = 1\nhost = "::1"\nk_max = 7\nredis_url = "redis://file"\n[policy]\ndiversity = 0.5\n'
    )
    monkeypatch.setenv("RECFUNNEL_PORT", "2")
    monkeypatch.setenv("RECFUNNEL_HOST", "127.0.0.7")
    monkeypatch.setenv("RECFUNNEL_POLICY__FRESHNESS", "0.25")
    monkeypatch.setenv("RECFUNNEL_CHECKPOINTS_MS__FINE", "70")
    settings = Settings(port=3)
    assert (settings.port, settings.host, settings.k_max) == (3, "127.0.0.7", 7)
    assert (settings.policy.diversity, settings.policy.freshness) == (0.5, 0.25)
    assert settings.checkpoints.fine == pytest.approx(0.07)
    assert settings.redis_url == "redis://file"


def test_redis_keeps_its_usual_name_and_empty_is_none(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://:secret@there:1")
    settings = Settings()
    assert settings.redis_url == "redis://:secret@there:1"
    assert "secret" not in repr(settings)
    monkeypatch.setenv("REDIS_URL", "")
    assert Settings().redis_url is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70_000},
        {"port": -1},
        {"workers": 0},
        {"budget_ms": 0},
        {"k_max": 0},
        {"log_level": "loud"},
        {"unheard": 1},
        {"policy": {"diversity": 2}},
        {"policy": {"unheard": 2}},
        {"checkpoints_ms": {"fine": 0}},
        {"checkpoints_ms": {"unheard": 1}},
        {"policy": {"order": ["unheard"]}},
        {"policy": {"order": ["seen", "seen"]}},
        {"scenes": {"front": {"diversity": 2}}},
    ],
)
def test_a_value_out_of_bounds_or_an_unknown_name_is_refused(wrong):
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_an_unknown_name_in_the_file_is_refused(tmp_path):
    (tmp_path / "recfunnel.toml").write_text("prot = 1\n")
    with pytest.raises(ValidationError, match="prot"):
        Settings()


def test_settings_are_frozen():
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1
    with pytest.raises(FrozenInstanceError):
        settings.policy.diversity = 1


@pytest.fixture
def environment():
    before = dict(os.environ)
    yield os.environ
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    "set_ones", [{}, {"redis_url": "unix:///there.sock", "picture_base": "http://shop:1/media/"}]
)
def test_a_worker_reads_the_exported_settings(tmp_path, environment, set_ones):
    settings = Settings(out="results", host="::1", port=9, workers=3, **set_ones)
    settings.export()
    share_metrics(tmp_path / "metrics")
    assert environment["PROMETHEUS_MULTIPROC_DIR"] == str(tmp_path / "metrics")
    read = Settings()
    assert read == settings.model_copy(update={"out": tmp_path / "results"})


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("RECFUNNEL_PORT", "many", "the setting port cannot be used: .*integer"),
        ("RECFUNNEL_POLICY__DIVERSITY", "7", r"the setting policy\.diversity cannot be used"),
        ("RECFUNNEL_PICTURE_BASE", "ftp://shop", "the setting picture_base .*: write https://shop"),
        ("RECFUNNEL_PICTURE_BASE", "//shop/", "the setting picture_base .* a path such as /media/"),
        ("RECFUNNEL_PICTURE_BASE", "http://a; script-src *", "the setting picture_base cannot"),
        ("REDIS_URL", "http://:secret@there", "the setting REDIS_URL .*: write redis://"),
        ("REDIS_URL", "redis://:se#cret@there:1", "the setting REDIS_URL .*: write redis://"),
    ],
)
def test_an_unusable_setting_is_named_with_its_reason_and_without_secrets(
    monkeypatch, name, value, why
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=why) as raised:
        read_settings({})
    assert "cret" not in str(raised.value)
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert "cret" not in str(raised.value)


def test_a_file_that_is_not_toml_is_refused_with_a_reason(tmp_path):
    (tmp_path / "recfunnel.toml").write_text("port: 1\n")
    with pytest.raises(SettingsError, match=r"recfunnel\.toml is not TOML"):
        read_settings({})


def test_overrides_win(monkeypatch):
    monkeypatch.setenv("RECFUNNEL_PORT", "2")
    assert read_settings({"port": 3}).port == 3
    assert read_settings({}).port == 2


def test_a_scene_takes_what_it_does_not_set_from_the_policy(monkeypatch):
    monkeypatch.setenv("RECFUNNEL_POLICY__PROVIDER_CAP", "3")
    monkeypatch.setenv("RECFUNNEL_SCENES", '{"front": {"pinned": {"i5": 1}}}')
    monkeypatch.setenv("RECFUNNEL_SCENES__FRONT__DIVERSITY", "0.4")
    settings = Settings()
    assert settings.scenes == {
        "front": SceneSettings(provider_cap=3, diversity=0.4, pinned={"i5": 1})
    }
    assert (
        Settings(policy=SceneSettings(seen="keep"), scenes={"front": {}}).scenes["front"].seen
        == "keep"
    )


def test_shown_items_are_remembered_only_where_a_policy_reads_them():
    assert Settings().shown_memory() == 0
    assert Settings(scenes={"feed": {"shown": "drop"}}, shown_limit=30).shown_memory() == 30


def test_only_what_differs_from_the_default_is_extracted_and_applying_it_restores_it():
    policy, scenes = {"provider_cap": 3}, {"front": {"diversity": 0.2, "provider_cap": 3}}
    settings = Settings(policy=policy, scenes=scenes, shown_limit=7, k_max=3)
    expected = {"policy": policy, "scenes": {"front": {"diversity": 0.2}}, "shown_limit": 7}
    assert extract_slate_settings(settings) == expected
    restored = apply_slate_settings(Settings(history_limit=9), expected)
    assert (restored.policy, restored.scenes) == (settings.policy, settings.scenes)
    assert (restored.shown_limit, restored.history_limit, restored.k_max) == (7, 500, 100)


def test_a_value_that_cannot_be_used_is_named():
    reason = r"the setting scenes\.front\.diversity cannot be used"
    with pytest.raises(SettingsError, match=reason):
        apply_slate_settings(Settings(), {"scenes": {"front": {"diversity": 7}}})
    with pytest.raises(SettingsError, match="the setting scenes"):
        apply_slate_settings(Settings(), {"scenes": {"front": 7}})


def test_a_checkpoint_that_has_no_effect_any_more_is_named(caplog):
    checkpoints = Settings(checkpoints_ms={"profile": 25, "history": 40}).checkpoints
    assert checkpoints.history == 0.04
    assert "checkpoints_ms.profile has no effect any more: remove it" in caplog.text


def test_a_misspelt_variable_is_named_with_the_nearest_setting(caplog):
    warn_of_unknown_variables(
        {
            "RECFUNNEL_KMAX": "5",
            "RECFUNNEL_K_MAX": "5",
            "RECFUNNEL_POLICY__DIVERSITY": "0",
            "PATH": "",
        }
    )
    assert [record.message for record in caplog.records] == [
        "the variable RECFUNNEL_KMAX names no setting and has no effect: did you mean "
        "RECFUNNEL_K_MAX?"
    ]
    warn_of_unknown_variables({"RECFUNNEL_XYZZYPLUGH": "1"})
    assert "see docs/reference/settings.md" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ({"policy": {"diversty": 0.1}}, "diversity"),
        ({"scenes": {"front": {"tail_place": 1}}}, "tail_places"),
        ({"recall": {"ease": {"limits": 1}}}, "limit"),
        ({"budget": 1}, "budget_ms"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_nearest_one(wrong, near):
    with pytest.raises(SettingsError, match=f"there is no such setting, did you mean {near}\\?"):
        read_settings(wrong)
