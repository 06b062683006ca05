"""Rules: what admins change of the policies of scenes while the service runs.

Rules hold the settings that differ from those of ``recfunnel.toml``, for all scenes and for single
ones. They are checked by the models of the settings themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
    model_validator,
)
from pydantic.config import JsonDict

from app.rerank.policies import SceneSettings

MAX_SCENES = 64  # with rules of their own: metrics name each
MAX_SCENE_NAME = 64  # characters, as in a request
MAX_NAMES = 500  # of items, providers, categories and flags: each entry of the request log has them
NAMING_SETTINGS = (
    "blocked_items",
    "blocked_providers",
    "blocked_categories",
    "forbidden_flags",
    "sponsored",
    "pinned",
    "provider_places",
)
# Nothing unblocks what another level blocks: each level adds to the ones below.
FILTER_SETTINGS = ("blocked_items", "blocked_providers", "blocked_categories", "forbidden_flags")
MAX_RULES_BYTES = 131_072  # as JSON: a hundred versions stay below 13 MB of Redis

SceneName: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_SCENE_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")
]


def _drop_defaults(schema: JsonDict) -> None:
    """Remove the defaults: what a rule does not set is as in the settings."""
    properties = schema.get("properties")
    for each in properties.values() if isinstance(properties, dict) else ():
        if isinstance(each, dict):
            each.pop("default", None)


OVERRIDES = ConfigDict(
    frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_drop_defaults
)
if TYPE_CHECKING:
    SceneOverrides: TypeAlias = BaseModel
else:  # each field is that of ``SceneSettings``; ``model_fields_set`` has those that are overridden
    SceneOverrides = create_model(
        "SceneOverrides",
        __config__=OVERRIDES,
        __doc__="The settings of one scene, or of all, that differ from `recfunnel.toml`.",
        **{
            name: (declared.annotation, declared)
            for name, declared in SceneSettings.__pydantic_fields__.items()
        },
    )


@dataclass(frozen=True, slots=True, eq=False)
class ScenePolicies:
    """The policies of all scenes. They are replaced as a whole, and never changed."""

    default: SceneSettings = field(default_factory=SceneSettings)
    scenes: Mapping[str, SceneSettings] = field(default_factory=dict)  # others: the default
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)  # what a scene sets itself
    version: int = 0  # of the rules that changed them; 0: they are as the settings have them

    def of_scene(self, scene: str) -> SceneSettings:
        """Return the settings of a scene."""
        return self.scenes.get(scene, self.default)


class Rules(BaseModel):
    """What differs from the policies of `recfunnel.toml`, for all scenes and for single ones.

    A scene that the settings do not have is a new one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    policy: SceneOverrides = Field(
        default_factory=SceneOverrides, description="Of all scenes that do not set it themselves."
    )
    scenes: dict[SceneName, SceneOverrides] = Field(
        default_factory=dict, max_length=MAX_SCENES, description="Of single scenes."
    )

    @model_validator(mode="after")
    def _can_be_stored(self) -> Self:
        try:
            size = len(orjson.dumps(self.to_json()))
        except TypeError as error:  # such as a number of a hundred digits among the extensions
            raise ValueError(f"the rules cannot be stored as JSON: {error}") from None
        if size > MAX_RULES_BYTES:
            raise ValueError(
                f"the rules take {size:,} bytes as JSON, and at most {MAX_RULES_BYTES:,} are kept: "
                "give long lists of items a flag or a category of their own, and name that"
            )
        return self

    @model_validator(mode="after")
    def _names_few(self) -> Self:
        parts = (self.policy, *self.scenes.values())
        values = [_values(part) for part in parts]
        n = sum(len(part.get(name, ())) for part in values for name in NAMING_SETTINGS)
        if n > MAX_NAMES:
            raise ValueError(
                f"the rules name {n:,} items, providers, categories and flags, and at most "
                f"{MAX_NAMES} can be: give many items a flag with PUT /items and forbid the flag, "
                "block their category, or take them out of every list with `is_available: false`"
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the rules as plain JSON: only what they set."""
        return self.model_dump(mode="json", exclude_unset=True)

    def apply(self, base: ScenePolicies, version: int = 0) -> ScenePolicies:
        """Return the policies of all scenes with these rules on top of ``base``, the settings.

        ``version`` is the number of these rules; 0: they were not saved.

        A scene has, in this order: what the rules set for it, what the settings set for it, what
        the rules set for all scenes, and what the settings set for all scenes. The settings of
        hard filters are united instead: rules add to what the settings block in a scene.
        """
        of_all = _values(self.policy)
        default = replace(base.default, **_unite_filters(of_all, base.default))
        scenes, own = {}, {}
        for name in sorted({*base.scenes, *self.scenes}):
            kept = {each: getattr(base.scenes[name], each) for each in base.own.get(name, ())}
            own_rules = _values(self.scenes[name]) if name in self.scenes else {}
            chosen = _unite_filters(kept | own_rules, base.of_scene(name), of_all)
            scenes[name], own[name] = replace(default, **chosen), frozenset(chosen)
        return ScenePolicies(default, scenes, own, version)


def _unite_filters(
    chosen: Mapping[str, Any], base: SceneSettings, of_all: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the chosen values, with those of hard filters added to what the levels below have."""
    united = {
        name: tuple(dict.fromkeys((*getattr(base, name), *of_all.get(name, ()), *chosen[name])))
        for name in FILTER_SETTINGS
        if name in chosen
    }
    return {**chosen, **united}


def _values(overrides: BaseModel) -> dict[str, Any]:
    return {name: getattr(overrides, name) for name in overrides.model_fields_set}


NO_RULES = Rules()
