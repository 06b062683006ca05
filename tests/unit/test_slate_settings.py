import pytest

from app.settings import Settings, SettingsError
from app.slate_settings import apply_slate_settings, extract_slate_settings


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
