"""The settings that decide what is shown: each answer in the request log has them, for replay."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import to_jsonable_python

from app.rerank.policies import SceneSettings
from app.rerank.rules import FILTER_SETTINGS
from app.settings import Settings, SettingsError, complete_scenes, describe_error

ADDED = "added"  # stands for a list that begins with the one of all scenes
NAMES = (
    *("policy", "scenes", "objectives", "recall"),
    *("history_limit", "shown_limit", "spare_items"),
)


def extract_slate_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that decide what is shown, as JSON, without policies at their default."""
    values = settings.model_dump(mode="json", include=set(NAMES) & settings.model_fields_set)
    policy, default = to_jsonable_python(settings.policy), to_jsonable_python(SceneSettings())
    if "scenes" in values:
        values["scenes"] = {
            name: _without_repeats(_difference(scene, policy), policy)
            for name, scene in values["scenes"].items()
        }
    if "policy" in values:
        values["policy"] = _difference(policy, default)
    return {name: value for name, value in values.items() if value != {}}


def apply_slate_settings(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return ``settings`` with what ``extract_slate_settings`` returned for others.

    Raises:
        SettingsError: a value cannot be used.
    """
    try:
        checked = _schema()(**complete_scenes(_with_repeats(values)))
    except ValidationError as error:
        raise SettingsError(describe_error(error)) from None
    return settings.model_copy(update={name: getattr(checked, name) for name in NAMES})


@cache
def _schema() -> type[BaseModel]:
    """Derive a model of these settings that does not read the environment."""
    declared = {name: Settings.model_fields[name] for name in NAMES}
    parts: dict[str, Any] = {name: (field.annotation, field) for name, field in declared.items()}
    return create_model("SlateSettings", __config__=ConfigDict(extra="forbid"), **parts)


def _without_repeats(scene: dict[str, Any], policy: Mapping[str, Any]) -> dict[str, Any]:
    """Replace a list that holds what all scenes block by what this scene adds.

    Rules of all scenes are part of the lists of each scene: hundreds of names in dozens of scenes.
    """
    added = {
        name: {ADDED: [each for each in scene[name] if each not in set(policy[name])]}
        for name in FILTER_SETTINGS
        if name in scene and policy[name] and set(policy[name]) <= set(scene[name])
    }
    return {**scene, **added}


def _with_repeats(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with whole lists in each scene again."""
    policy, scenes = values.get("policy", {}), values.get("scenes", {})
    parts = [policy, scenes, *(scenes.values() if isinstance(scenes, Mapping) else ())]
    if not all(isinstance(part, Mapping) for part in parts):
        return dict(values)  # which the check names

    def complete(value: Any, name: str) -> Any:
        is_short = name in FILTER_SETTINGS and isinstance(value, Mapping) and ADDED in value
        return [*policy.get(name, ()), *value[ADDED]] if is_short else value

    whole = {
        scene: {name: complete(value, name) for name, value in part.items()}
        for scene, part in scenes.items()
    }
    return {**values, "scenes": whole} if whole else dict(values)


def _difference(values: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != base[name]}
