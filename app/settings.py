"""Frozen settings: the only reader of the environment and of ``recfunnel.toml``.

Every value can be set as ``RECFUNNEL_<NAME>`` in the environment (nested values with two
underscores, as in ``RECFUNNEL_POLICY__DIVERSITY=0.1``) or in ``recfunnel.toml``; the environment
wins. ``REDIS_URL`` keeps its usual name.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from typing_extensions import override

from app.deadline import Checkpoints
from app.rerank.policy import DEFAULT_ORDER, ExplorationMethod, Policy, RepeatAction
from app.state.store import public_address

DEFAULT_POLICY = Policy()
SETTINGS_FILE = "recfunnel.toml"
SLATE_SETTINGS = ("policy", "scenes", "objectives", "history_limit", "shown_limit", "spare_items")


class SettingsError(Exception):
    """A setting that cannot be used. The text says which one and why."""


class CheckpointSettings(BaseModel):
    """Milliseconds after arrival by which each stage must be done."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    history: float = Field(15, gt=0)
    profile: float = Field(25, gt=0)
    recall: float = Field(35, gt=0)
    coarse: float = Field(50, gt=0)
    fine: float = Field(80, gt=0)
    rerank: float = Field(95, gt=0)

    def seconds(self) -> Checkpoints:
        """Give the checkpoints in seconds, as the funnel counts."""
        return Checkpoints(**{name: ms / 1000 for name, ms in self.model_dump().items()})


class PolicySettings(BaseModel):
    """How the last stage weighs one thing against another; see ``app.rerank.policy.Policy``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    diversity: float = Field(DEFAULT_POLICY.diversity, ge=0, le=1)
    freshness: float = Field(DEFAULT_POLICY.freshness, ge=0, le=1)
    explore: ExplorationMethod = DEFAULT_POLICY.explore
    explore_slots: int = Field(DEFAULT_POLICY.explore_slots, ge=0, le=5)
    explore_from: int = Field(DEFAULT_POLICY.explore_from, ge=1)
    explore_beta: float = Field(DEFAULT_POLICY.explore_beta, ge=0)
    explore_epsilon: float = Field(DEFAULT_POLICY.explore_epsilon, ge=0, le=1)
    explore_among: int = Field(DEFAULT_POLICY.explore_among, ge=1)
    seen: RepeatAction = DEFAULT_POLICY.seen
    shown: RepeatAction = DEFAULT_POLICY.shown
    demotion: float = Field(DEFAULT_POLICY.demotion, ge=0, le=10)
    blocked_items: tuple[str, ...] = ()
    blocked_providers: tuple[str, ...] = ()
    blocked_categories: tuple[str, ...] = ()
    forbidden_flags: tuple[str, ...] = ()
    provider_cap: int = Field(DEFAULT_POLICY.provider_cap, ge=0)
    category_cap: int = Field(DEFAULT_POLICY.category_cap, ge=0)
    tail_places: int = Field(DEFAULT_POLICY.tail_places, ge=0)
    tail_share: float = Field(DEFAULT_POLICY.tail_share, gt=0, le=1)
    provider_places: dict[str, Annotated[int, Field(ge=0)]] = {}
    pinned: dict[str, Annotated[int, Field(ge=1)]] = {}
    sponsored: tuple[str, ...] = ()
    sponsored_places: tuple[Annotated[int, Field(ge=1)], ...] = ()
    sponsored_cap: int = Field(DEFAULT_POLICY.sponsored_cap, ge=0)
    order: tuple[str, ...] = DEFAULT_POLICY.order

    @field_validator("order")
    @classmethod
    def _of_policies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in DEFAULT_ORDER]
        if unknown or len(set(value)) < len(value):
            raise ValueError(f"name each policy once at most; there are {', '.join(DEFAULT_ORDER)}")
        return value

    def policy(self) -> Policy:
        """Give the policy as the last stage reads it."""
        return Policy(**self.model_dump())

    def of_scene(self, scene: "PolicySettings") -> Policy:
        """Give the policy of a scene: what is set there stands, the rest is as here."""
        return Policy(**(self.model_dump() | scene.model_dump(exclude_unset=True)))


class _Deciding(BaseModel):
    """What ``Settings.with_slate_settings`` takes, without a look at the environment."""

    model_config = ConfigDict(extra="forbid")
    policy: PolicySettings
    scenes: dict[str, PolicySettings]
    shown_limit: int
    objectives: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    history_limit: int
    spare_items: int


class Settings(BaseSettings):
    """All settings of the service."""

    model_config = SettingsConfigDict(
        env_prefix="RECFUNNEL_",
        env_nested_delimiter="__",
        toml_file=SETTINGS_FILE,
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        hide_input_in_errors=True,  # an address of Redis may hold a password
    )
    out: Path = Path("out")  # bundles, the embedded server's data
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    redis_url: str | None = Field(None, validation_alias="REDIS_URL", repr=False)
    redis_timeout_ms: float = Field(250, gt=0)
    key_prefix: str = "recfunnel"
    cpu_threads: int = Field(2, ge=1, le=64)
    budget_ms: float = Field(100, gt=0)
    checkpoints_ms: CheckpointSettings = CheckpointSettings()
    policy: PolicySettings = PolicySettings()
    scenes: dict[str, PolicySettings] = {}
    shown_limit: int = Field(100, ge=1, le=1_000)
    objectives: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    k_max: int = Field(100, ge=1, le=500)
    max_in_flight: int = Field(14, ge=1)  # some 5 ms of CPU each have to fit into the budget
    history_limit: int = Field(500, ge=1, le=10_000)
    stream_limit: int = Field(1_000_000, ge=1_000)
    late_seconds: float = Field(3_600, ge=0)
    served_log: float = Field(1.0, ge=0, le=1)
    served_limit: int = Field(20_000, ge=100)
    served_backlog: int = Field(40_000, ge=100)
    spare_items: int = Field(1_000, ge=0, le=1_000_000)
    drift_bound: float = Field(0.25, gt=0)
    bundle_age_bound_hours: float = Field(168, ge=0)
    reload_seconds: float = Field(2.0, gt=0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("redis_url")
    @classmethod
    def _readable_or_none(cls, value: str | None) -> str | None:
        if not value:
            return None
        public_address(value)
        return value

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def request_log_limit(self) -> int:
        """Give how many answers the served log keeps at most, archived or not."""
        return max(self.served_limit, self.served_backlog)

    def scene_policies(self) -> dict[str, Policy]:
        """Give the policy of every scene that has one of its own."""
        return {name: self.policy.of_scene(scene) for name, scene in self.scenes.items()}

    def shown_memory(self) -> int:
        """Count the items that a user was shown lately to remember; 0 where no policy asks."""
        policies = [self.policy.policy(), *self.scene_policies().values()]
        return self.shown_limit if any(one.shown != "keep" for one in policies) else 0

    def slate_settings(self) -> dict[str, Any]:
        """Give the settings that decide what is shown, as JSON; those at their default not."""
        return self.model_dump(mode="json", include=set(SLATE_SETTINGS), exclude_unset=True)

    def with_slate_settings(self, told: Mapping[str, Any]) -> "Settings":
        """Give these settings with those that decide what is shown as ``deciding`` had them.

        Raises:
            SettingsError: one makes no sense.
        """
        usual = {name: type(self).model_fields[name].get_default() for name in SLATE_SETTINGS}
        whole = usual | dict(told)
        try:
            fixed = _Deciding(**whole)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise SettingsError(f"the setting {name} cannot be used: {first['msg']}") from None
        return self.model_copy(update={name: getattr(fixed, name) for name in SLATE_SETTINGS})

    def export(self) -> None:
        """Put the settings into the environment, for the worker processes to read."""
        os.environ["RECFUNNEL_OUT"] = str(self.out.absolute())
        os.environ["RECFUNNEL_HOST"] = self.host
        os.environ["RECFUNNEL_PORT"] = str(self.port)
        os.environ["RECFUNNEL_WORKERS"] = str(self.workers)
        if self.redis_url:
            os.environ["REDIS_URL"] = self.redis_url


def read_settings(overrides: dict[str, Any]) -> Settings:
    """Read all settings; what is given wins over the environment, and that over the file.

    Raises:
        SettingsError: one makes no sense.
    """
    try:
        return Settings(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{SETTINGS_FILE} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise SettingsError(
            f"the setting {name} cannot be used: {reason}; see the environment and {SETTINGS_FILE}"
        ) from None


def share_metrics(folder: Path) -> None:
    """Let the worker processes add up their metrics through files in ``folder``."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
