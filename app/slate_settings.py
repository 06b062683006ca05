"""The settings that decide what is shown: each answer in the request log has them, for replay."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import to_jsonable_python

from app.rerank.policies import SceneSettings
from app.settings import Settings, SettingsError, complete_scenes, describe_error

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
            name: _difference(scene, policy) for name, scene in values["scenes"].items()
        }
    if "policy" in values:
        values["policy"] = _difference(policy, default)
    return values


def apply_slate_settings(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Return ``settings`` with what ``extract_slate_settings`` returned for others.

    Raises:
        SettingsError: a value cannot be used.
    """
    try:
        checked = _schema()(**complete_scenes(dict(values)))
    except ValidationError as error:
        raise SettingsError(describe_error(error)) from None
    return settings.model_copy(update={name: getattr(checked, name) for name in NAMES})


@cache
def _schema() -> type[BaseModel]:
    """Derive a model of these settings that does not read the environment."""
    declared = {name: Settings.model_fields[name] for name in NAMES}
    parts: dict[str, Any] = {name: (field.annotation, field) for name, field in declared.items()}
    return create_model("SlateSettings", __config__=ConfigDict(extra="forbid"), **parts)


def _difference(values: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != base[name]}
