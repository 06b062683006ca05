"""The bodies of ``/rules``: what its routes take and answer."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.rerank.rules import Rules, SceneOverrides
from app.rules.rule_store import MAX_VERSIONS

MAX_AUTHOR = 64  # characters
MAX_NOTE = 500  # characters
EXAMPLE: JsonDict = {
    "version": 0,
    "author": "anna",
    "note": "fewer sequels in the feed",
    "rules": {"policy": {"category_cap": 4}, "scenes": {"feed": {"diversity": 0.2}}},
}


class VersionBody(BaseModel):
    """Who saved a version, when and why."""

    version: int = Field(description="0: nothing was ever saved.")
    author: str | None
    at: float | None = Field(description="Unix seconds.")
    note: str | None
    restored: int | None = Field(description="The version whose rules it has again.")


class EffectivePolicies(BaseModel):
    """The policies as they act: complete, for all scenes and for each scene that has its own."""

    policy: SceneOverrides
    scenes: dict[str, SceneOverrides]


class RulesBody(VersionBody):
    """The rules in force, and what follows from them."""

    newest: int = Field(
        description="The newest version, which a change has to name; it differs from `version` "
        "where this release cannot read it."
    )
    refused: str | None = Field(description="Why the newest version is not in force.")
    is_known: bool = Field(
        description="False: Redis has not answered since the start, and the settings alone hold."
    )
    rules: Rules
    settings: Rules = Field(description="What the settings set; scenes: only what is their own.")
    effective: EffectivePolicies


class SavedRules(VersionBody):
    """The version that was saved; every worker has it."""

    notes: list[str] = Field(description="Names in the rules that no item has.")


class StoredRules(VersionBody):
    """A version with its rules, as another release may have written them."""

    rules: dict[str, Any] | None = Field(description="Null: the entry is damaged.")


class RulesHistory(BaseModel):
    """The newest versions, newest first."""

    versions: list[StoredRules]


class ChangeIn(BaseModel):
    """Which version is changed, by whom and why."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=0, description="The newest version, which this change began with.")
    author: str = Field(
        "", max_length=MAX_AUTHOR, description="With API keys, the name of the key counts instead."
    )
    note: str = Field("", max_length=MAX_NOTE, description="What the change is for.")


class RulesIn(ChangeIn):
    """All rules: what they do not set is as in the settings again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})
    rules: Rules = Field(description="What differs from the settings.")


class RestoreIn(ChangeIn):
    """A version is restored as a new one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"version": 1, "author": "anna", "note": "undo"}]},
    )


class RulesHistoryQuery(BaseModel):
    """The query string of ``GET /rules/history``."""

    model_config = ConfigDict(extra="forbid")
    limit: int = Field(20, ge=1, le=MAX_VERSIONS, description="How many versions.")


class SettingGroup(BaseModel):
    """The settings that one policy reads."""

    name: str
    summary: str
    settings: list[str]


class RuleNames(BaseModel):
    """Names that rules can use; at most 500 of each kind of the catalogue."""

    categories: list[str]
    flags: list[str]
    providers: list[str]
    event_types: list[str]
    policies: list[str]


class RulesSchema(BaseModel):
    """What rules can set: a JSON schema, with descriptions in Markdown."""

    properties: dict[str, Any] = Field(description="The JSON schema of each setting, by name.")
    groups: list[SettingGroup]
    names: RuleNames
