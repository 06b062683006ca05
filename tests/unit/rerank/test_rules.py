"""Rules on top of settings: what wins, what is refused, and that one definition serves both."""

import dataclasses

import pytest
from pydantic import ValidationError

from app.rerank.policies import SceneSettings
from app.rerank.rules import MAX_NAMES, MAX_RULES_BYTES, MAX_SCENES, NO_RULES, Rules, ScenePolicies
from app.settings import Settings

SETTINGS = Settings(
    policy={"diversity": 0.3, "forbidden_flags": ["adult"]},
    scenes={"kids": {"forbidden_flags": ["adult"]}, "feed": {"explore_slots": 0}},
).scene_policies


def rules(**parts):
    return Rules.model_validate(parts)


def test_without_rules_the_settings_hold_unchanged():
    for empty in (NO_RULES, rules(policy={}, scenes={})):
        made = empty.apply(SETTINGS)
        assert (made.default, made.scenes, made.own) == (
            SETTINGS.default,
            SETTINGS.scenes,
            SETTINGS.own,
        )


def test_a_rule_of_all_scenes_holds_where_a_scene_sets_nothing_itself():
    made = rules(policy={"forbidden_flags": [], "explore_slots": 3}).apply(SETTINGS)
    assert made.default.forbidden_flags == ("adult",)  # rules unblock nothing
    assert made.default.diversity == 0.3
    assert made.scenes["kids"].forbidden_flags == ("adult",)  # the same as in policy, but its own
    assert made.scenes["kids"].explore_slots == 3
    assert made.scenes["feed"].explore_slots == 0


def test_a_rule_of_a_scene_wins_and_a_new_scene_follows_the_rules_of_all():
    made = rules(
        policy={"diversity": 0.1},
        scenes={"feed": {"explore_slots": 4}, "new": {"pinned": {"i1": 1}}},
    ).apply(SETTINGS)
    assert made.scenes["feed"].explore_slots == 4
    assert (made.scenes["new"].pinned, made.scenes["new"].diversity) == ({"i1": 1}, 0.1)
    assert made.own["new"] == {"pinned"}
    assert SETTINGS.default.diversity == 0.3


def test_what_any_level_blocks_is_blocked():
    settings = Settings(
        policy={"blocked_items": ["99"], "forbidden_flags": ["adult"]},
        scenes={"kids": {"blocked_items": ["7"]}, "feed": {}},
    ).scene_policies
    made = rules(
        policy={"blocked_items": ["50", "99"], "forbidden_flags": []},
        scenes={
            "kids": {"blocked_providers": ["acme"]},
            "feed": {"blocked_items": ["1"]},
            "new": {"forbidden_flags": ["loud"]},
        },
    ).apply(settings)
    assert made.default.blocked_items == ("99", "50")
    blocked = {name: scene.blocked_items for name, scene in made.scenes.items()}
    assert blocked == {"kids": ("7", "50", "99"), "feed": ("99", "50", "1"), "new": ("99", "50")}
    assert made.default.forbidden_flags == made.scenes["kids"].forbidden_flags == ("adult",)
    assert made.scenes["new"].forbidden_flags == ("adult", "loud")
    assert made.scenes["kids"].blocked_providers == ("acme",)


def test_scenes_that_are_written_in_python_set_everything_themselves():
    scenes = {"feed": SceneSettings(diversity=0.5)}
    made = rules(policy={"freshness": 0.9}).apply(Settings(scenes=scenes).scene_policies)
    assert made.scenes["feed"].freshness == SceneSettings().freshness


def test_rules_know_every_setting_of_a_scene_and_no_other():
    properties = Rules.model_json_schema()["$defs"]["SceneOverrides"]["properties"]
    assert list(properties) == [each.name for each in dataclasses.fields(SceneSettings)]
    assert not any("default" in each for each in properties.values())
    assert all(each["description"] for each in properties.values())


def test_rules_come_back_from_json_as_they_were():
    made = rules(policy={"seen": {"view": "2d"}, "order": ["pinned"]}, scenes={"a": {}})
    assert made.to_json() == {
        "policy": {"seen": {"view": "2d"}, "order": ["pinned"]},
        "scenes": {"a": {}},
    }
    assert Rules.model_validate(made.to_json()) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": {"diversity": 2}},
        {"policy": {"diversty": 0.1}},
        {"policy": {"order": ["freshness", "freshness"]}},
        {"policy": {"seen": "sometimes"}},
        {"policy": {"extensions": {"mine": {"number": 10**40}}}},
        {"policy": {"explore_beta": float("inf")}},
        {"policy": {"blocked_items": ["i" * MAX_RULES_BYTES]}},
        {"policy": {"blocked_items": [f"i{n}" for n in range(MAX_NAMES + 1)]}},
        {"scenes": {f"s{n}": {"pinned": {"a": 1}, "blocked_items": ["b"] * 10} for n in range(46)}},
        {"scenes": {"": {}}},
        {"scenes": {"a\nb": {}}},
        {"scenes": {f"s{n}": {} for n in range(MAX_SCENES + 1)}},
        {"policies": {}},
    ],
    ids=lambda wrong: "-".join(map(str, next(iter(wrong.values()))))[:20],
)
def test_what_settings_would_refuse_and_what_cannot_be_stored_is_refused(wrong):
    with pytest.raises(ValidationError):
        Rules.model_validate(wrong)


def test_policies_are_equal_to_those_of_a_service_with_the_same_settings():
    changed = rules(scenes={"feed": {"diversity": 0.7}}).apply(SETTINGS)
    direct = Settings(
        policy={"diversity": 0.3, "forbidden_flags": ["adult"]},
        scenes={
            "kids": {"forbidden_flags": ["adult"]},
            "feed": {"explore_slots": 0, "diversity": 0.7},
        },
    ).scene_policies
    assert isinstance(changed, ScenePolicies)
    assert (changed.default, changed.scenes) == (direct.default, direct.scenes)
