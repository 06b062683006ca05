"""Settings in the request log: what scenes share is there once, and read back as it was."""

import orjson

from app.rerank.rules import Rules
from app.settings import Settings
from app.slate_settings import apply_slate_settings, extract_slate_settings

BLOCKED = [f"item-{n}" for n in range(400)]


def test_what_rules_block_in_all_scenes_is_logged_once_and_read_back():
    settings = Settings(policy={"blocked_items": ["x"]}, scenes={"kids": {"blocked_items": ["y"]}})
    names = [f"scene-{n}" for n in range(50)]
    rules = Rules.model_validate(
        {
            "policy": {"blocked_items": BLOCKED},
            "scenes": {name: {"blocked_items": [name]} for name in names},
        }
    )
    changed = settings.with_policies(rules.apply(settings.scene_policies, 1))
    values = orjson.loads(orjson.dumps(extract_slate_settings(changed)))
    assert orjson.dumps(values).count(b'"item-7"') <= 2  # ``kids`` lacks "x" of the others
    back = apply_slate_settings(Settings(), values)
    assert set(back.policy.blocked_items) == {"x", *BLOCKED}
    for name, scene in changed.scenes.items():
        assert set(back.scenes[name].blocked_items) == set(scene.blocked_items)
        assert back.scenes[name].order == scene.order
    assert set(back.scenes["kids"].blocked_items) == {"y", *BLOCKED}


def test_rules_that_set_nothing_are_logged_as_no_settings():
    settings = Settings()
    emptied = settings.with_policies(Rules().apply(settings.scene_policies, 3))
    assert extract_slate_settings(emptied) == extract_slate_settings(settings) == {}
    back = apply_slate_settings(Settings(), extract_slate_settings(emptied))
    assert (back.policy, back.scenes) == (settings.policy, settings.scenes)


def test_a_scene_that_is_like_all_others_is_logged_because_lists_may_name_it():
    settings = Settings(scenes={"kids": {}})
    assert extract_slate_settings(settings) == {"scenes": {"kids": {}}}
