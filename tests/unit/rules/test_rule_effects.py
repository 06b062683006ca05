"""Notes on rules that are valid and may not act as they are meant."""

from app.rerank.rules import NO_RULES, Rules
from app.rules.rule_effects import effect_notes
from app.settings import HOME, Settings

BASE = Settings(
    policy={"blocked_items": [f"i{n}" for n in range(7)]},
    scenes={"kids": {"forbidden_flags": ["adult"]}, "feed": {"diversity": 0.3}},
).scene_policies


def notes_on(before=NO_RULES, **parts):
    return effect_notes(Rules.model_validate(parts), before, BASE, HOME)


def test_rules_that_act_as_they_are_written_have_no_notes():
    assert notes_on() == []
    scenes = {"feed": {"diversity": 0.1, "pinned": {"a": 1, "b": 2}}, HOME: {"freshness": 0.1}}
    assert notes_on(policy={"diversity": 0.2, "forbidden_flags": ["x"]}, scenes=scenes) == []


def test_a_scene_that_nothing_had_before_may_be_misspelt():
    rules = {"scenes": {"hoem": {"diversity": 0.1}}}
    (note,) = notes_on(**rules)
    assert note.startswith('"hoem" is a new scene')
    assert notes_on(before=Rules.model_validate(rules), **rules) == []


def test_a_rule_that_unblocks_nothing_says_what_stays_blocked():
    (of_all,) = notes_on(policy={"blocked_items": ["i1", "i6"]})
    assert of_all.startswith("blocked_items of all scenes adds to what the settings have")
    assert 'these stay blocked: "i0", "i2", "i3", "i4", "i5". ' in of_all
    (of_kids,) = notes_on(scenes={"kids": {"forbidden_flags": []}})
    assert 'these stay blocked: "adult". ' in of_kids
    (many,) = notes_on(policy={"blocked_items": []})
    assert '"i4" and 2 more. ' in many


def test_a_rule_of_all_scenes_names_the_scenes_where_it_does_not_act():
    (note,) = notes_on(policy={"diversity": 0.2})
    assert note.startswith('diversity of all scenes does not act in "feed"')
    assert notes_on(policy={"diversity": 0.2}, scenes={"feed": {"diversity": 0.2}}) == []


def test_two_items_at_one_position_and_a_provider_without_a_name_are_noted():
    (pins,) = notes_on(policy={"pinned": {"a": 1, "b": 1, "c": 2}})
    assert 'has 2 items for position 1: "a", "b"' in pins
    (places,) = notes_on(policy={"provider_places": {"||": 1, "acme|bell": 1}})
    assert 'in "||" the name of a provider is missing' in places
