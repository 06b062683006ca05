"""Frozen settings: the only reader of the environment and of ``recfunnel.toml``.

Every value can be set as ``RECFUNNEL_<NAME>`` in the environment (nested values with two
underscores, as in ``RECFUNNEL_POLICY__DIVERSITY=0.1``) or in ``recfunnel.toml``; the environment
wins. ``REDIS_URL`` keeps its usual name. ``docs/reference/settings.md`` is generated from here.
"""

import json
import logging
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from typing_extensions import override

from app.access.key_ring import KeyRing
from app.access.keys import parse_keys
from app.contracts import Count, NotNegative, Positive, Share
from app.deadline import Checkpoints
from app.feedback_types import FeedbackTypes, check_rules
from app.observe.tracing_settings import TracingSettings
from app.rerank.policies import SceneSettings
from app.rerank.rules import ScenePolicies
from app.state.redis_url import public_address

log = logging.getLogger(__name__)

SETTINGS_FILE = "recfunnel.toml"
HOME = "home"  # the default scene; it always exists
DEFAULT_CHECKPOINTS_MS = {
    stage.name: round(1000 * getattr(Checkpoints(), stage.name), 3) for stage in fields(Checkpoints)
}


class SettingsError(Exception):
    """A setting that cannot be used. The text names it and says why."""


def _complete(checkpoints: dict[str, float]) -> dict[str, float]:
    """Add the default of every stage that is not set; ``profile`` is no longer one."""
    if "profile" in checkpoints:
        log.warning("the setting checkpoints_ms.profile has no effect any more: remove it")
        checkpoints = {stage: ms for stage, ms in checkpoints.items() if stage != "profile"}
    if unknown := set(checkpoints) - set(DEFAULT_CHECKPOINTS_MS):
        stages = ", ".join(DEFAULT_CHECKPOINTS_MS)
        raise ValueError(f"there is no stage {min(unknown)}; the stages are {stages}")
    return DEFAULT_CHECKPOINTS_MS | checkpoints


Milliseconds: TypeAlias = Annotated[float, Field(gt=0)]
StageTimes: TypeAlias = Annotated[dict[str, Milliseconds], AfterValidator(_complete)]


PICTURE_BASE = re.compile(
    r"(https?://[\w.-]+(:\d+)?|https?://\[[\da-fA-F:]+\](:\d+)?)?(/[\w./~%-]*)?"
)


def _check_picture_base(text: str) -> str:
    """Return an address of HTTP or HTTPS, or a path that begins with a slash."""
    if not PICTURE_BASE.fullmatch(text) or not text or text.startswith("//"):
        raise ValueError(
            f"{text} is no address of pictures: write https://shop.com/media/, or a path such as "
            "/media/"
        )
    return text


PictureBase: TypeAlias = Annotated[str, AfterValidator(_check_picture_base)]
FeedbackRules: TypeAlias = Annotated[tuple[str, ...], AfterValidator(check_rules)]


class ChannelSettings(BaseModel):
    """The settings of a recall channel that configuration can change. None: as trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    enabled: bool | None = None
    limit: Count | None = None  # candidates


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
    out: Path = Field(
        Path("out"),
        description="folder of bundles, the report, and the data of the embedded server "
        "(`out/redis`)",
    )
    state: Path | None = Field(
        None,
        description="folder of what must survive the loss of Redis: erased users, deleted and "
        "hidden items. The service, `recfunnel archive` and `recfunnel train` need the same one, "
        "and write to it. Not set: `withheld` in the folder of bundles",
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    api_keys: SecretStr = Field(
        SecretStr(""),
        description="API keys, each as `NAME ROLE[,ROLE] KEY`, separated by `;`; the roles are "
        "`read`, `write` and `admin`, see [safety](../guides/safety.md)",
    )
    api_keys_file: Path | None = Field(
        None,
        description="file of API keys, one a line; it is read again when it changes. Make a line "
        "with `recfunnel key new`",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description='values of the `Host` header that are accepted, such as `["recs.shop.com", '
        '"*.shop.com"]`; empty: all of them with API keys, those of the loopback without',
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description="origins whose pages may call the service from a browser, such as "
        '`["https://shop.com"]`; empty: none',
    )
    picture_base: PictureBase | None = Field(
        None,
        description="what the console puts before relative addresses of pictures in the attributes "
        "of items, such as `https://shop.com/media/`, or a path on the host of the console, as "
        "`/media/`; empty: it shows no such picture",
    )
    workers: int = Field(
        1, ge=1, le=64, description="processes; they share the mapped index and one Redis"
    )
    serve_untrained: bool = Field(
        True,  # noqa: FBT003 - as pydantic has it
        description="without a bundle, `recfunnel serve` begins with one that has no items and no "
        "models, see [start from nothing](../guides/start-from-nothing.md); false: wait for a "
        "training",
    )
    train_when_events: int = Field(
        0,
        ge=0,
        description="number of new events after which `recfunnel serve` trains from the archive "
        "alone, as often as they come; 0 is never",
    )
    train_data: Path | None = Field(
        None,
        description="folder of data, or file of interactions, that trainings read beside the "
        "archive when the service starts them: for `train_when_events`, or by `POST /trainings`",
    )
    train_config: Path | None = Field(
        None,
        description="file of training settings, such as `out/tuned.toml`, of trainings that the "
        "service starts",
    )
    redis_url: str | None = Field(
        None,
        validation_alias="REDIS_URL",
        repr=False,
        description="set as `REDIS_URL`; `redis://`, `rediss://` or `unix://`. If it is not set, "
        "the service starts a Valkey server of its own",
    )
    redis_url_file: Path | None = Field(
        None,
        validation_alias="REDIS_URL_FILE",
        description="set as `REDIS_URL_FILE`; a file that holds the address, so that its password "
        "is in no environment variable",
    )
    redis_timeout_ms: float = Field(
        250, gt=0, description="longest round trip; the limit of a stage usually comes sooner"
    )
    key_prefix: str = Field(
        "recfunnel", description="start of every key, so that several services can share a Redis"
    )
    tables: Literal["redis", "mapped", "remote"] = Field(
        "redis",
        description="where the similarity tables are: `redis`, in the bundle's mapped files, with "
        "a copy in Redis; `mapped`, in the files alone, if they do not fit into Redis; `remote`: "
        "this service reads them from Redis and keeps frequent rows in memory",
    )
    cpu_threads: int = Field(
        2,
        ge=1,
        le=64,
        description="threads of each worker beside the one that answers requests: they update the "
        "counters, search large indexes, and compute explanations and drift",
    )
    budget_ms: float = Field(
        100,
        gt=0,
        description="time from arrival within which a list is returned, whatever is missing",
    )
    checkpoints_ms: StageTimes = Field(
        DEFAULT_CHECKPOINTS_MS,
        description="milliseconds that the store has for its reply, and milliseconds of computing "
        "after which a ranking stage does not begin",
    )
    policy: SceneSettings = Field(
        SceneSettings(), description="settings of the policies of the last stage"
    )
    scenes: dict[str, SceneSettings] = Field(
        {},
        description="policies of scenes (`scene=` of a request), see "
        "[policies](../guides/policies.md); what a scene does not set is as in `policy`",
    )
    shown_limit: int = Field(
        100,
        ge=1,
        le=1_000,
        description="newest shown items that are remembered for each user, where `shown` of a "
        "policy is not `keep`",
    )
    objectives: dict[str, NotNegative] = Field(
        {},
        description="weights of the fine ranker's models, such as `{conversion = 1.0, click = "
        "0.2}`, instead of those of its training; see [objectives](../guides/objectives.md)",
    )
    recall: dict[str, ChannelSettings] = Field(
        {},
        description="`enabled` and `limit` of recall channels, such as `[recall.ease]`, for "
        "training and for serving; a channel that the bundle was trained without stays off",
    )
    k_max: int = Field(100, ge=1, le=500, description="longest list that a request may ask for")
    max_in_flight: int = Field(
        256,
        ge=1,
        description="most concurrent requests of each worker; the measured time of a request "
        "decides before, see [overload](../concepts/overload.md)",
    )
    rate_limit_per_key: float = Field(
        0,
        ge=0,
        description="most requests a second of each API key to all workers together, with a burst "
        "of two seconds; more are refused with 429. 0 is no limit",
    )
    max_connections: int = Field(
        1_000,
        ge=1,
        description="most open connections of each worker; a new one takes the place of the "
        "longest idle one, or is refused with 503",
    )
    max_connections_per_client: int = Field(
        500,
        ge=1,
        description="most open connections of one address to each worker; raise it for a proxy on "
        "another machine. The loopback counts in `max_connections` alone",
    )
    gorse_api: bool = Field(
        False,  # noqa: FBT003 - as pydantic has it
        description="answer the HTTP API of Gorse under `/api` too, see "
        "[moving from Gorse](../guides/gorse.md)",
    )
    gorse_positive_feedback_types: FeedbackRules = Field(
        ("like", "star", "purchase", "rating>=4"),
        description="feedback types of Gorse's API that show a liking, each a name or a name with "
        "a bound of its value; Gorse's `positive_feedback_types`",
    )
    gorse_read_feedback_types: FeedbackRules = Field(
        ("read", "view"),
        description="feedback types that mark an item as read; Gorse's `read_feedback_types`. "
        "Positive and read items leave the lists of their user",
    )
    gorse_event_types: dict[str, str] = Field(
        {"read": "view"},
        description="event types of feedback types; of the others, the event type of the same "
        "meaning, such as `like` for `star`, else `like` for positive and `view` for read ones",
    )
    history_limit: int = Field(
        500, ge=1, le=10_000, description="newest live events that are kept of each user"
    )
    history_days: int = Field(
        365,
        ge=0,
        description="days after a user's last event until the live history expires; 0 is never. "
        "What a user has set, blocked or hidden stays until the user is erased",
    )
    event_id_days: int = Field(
        30,
        ge=1,
        description="days after a user's last event in which a repeated `event_id` is recognised",
    )
    archive_days: int = Field(
        0,
        ge=0,
        description="days that the archive, and then the streams, keep events and impressions; 0 "
        "is for ever",
    )
    served_days: int = Field(
        365,
        ge=0,
        description="days that the archive, and then Redis, keep answers of the request log; 0 is "
        "for ever",
    )
    item_limit: int = Field(
        1_000_000,
        ge=1,
        description="largest number of items that callers have changed or deleted, whose records "
        "are kept; then new items are refused, deletions are not",
    )
    stream_limit: int = Field(
        1_000_000,
        ge=1_000,
        description="approximate number of newest events, and of newest impressions, that are "
        "kept for the workers; events that wait for an archiver are all kept",
    )
    late_seconds: float = Field(
        3_600,
        ge=0,
        description="age from which an event counts as late; it is accepted all the same",
    )
    served_log: Share = Field(
        1.0,
        description="share of answers that are written to the "
        "[request log](../guides/request-log.md), about 4 kB each; 0 is off",
    )
    served_limit: int = Field(
        20_000,
        ge=100,
        description="approximate number of newest answers that the request log keeps in Redis "
        "while no archiver is in use, and that an archiver leaves there",
    )
    served_backlog: int = Field(
        40_000,
        ge=100,
        description="approximate largest number of answers that it keeps while an archiver is in "
        "use, archived or not",
    )
    spare_items: int = Field(
        1_000,
        ge=0,
        le=1_000_000,
        description="rows of each worker for items that no bundle has yet, at the start; see "
        "[items](../guides/items.md)",
    )
    max_spare_items: int = Field(
        50_000,
        ge=0,
        le=1_000_000,
        description="most such rows: they are doubled before they run out. Beyond them, new items "
        "are refused with 507",
    )
    drift_bound: Positive = Field(
        0.25,
        description="population stability index from which a warning is given, see "
        "[drift](../guides/drift.md)",
    )
    bundle_age_bound_hours: float = Field(
        168,
        ge=0,
        description="age of the bundle in service from which a warning is given; 0 is never",
    )
    tracing: TracingSettings = Field(
        TracingSettings(),
        description="traces of requests for OpenTelemetry, see [traces](../guides/tracing.md)",
    )
    drain_seconds: float = Field(
        0.0,
        ge=0,
        le=600,
        description="after SIGTERM, seconds in which `/readyz` answers 503 and requests are still "
        "answered, so that load balancers can turn to other services first",
    )
    reload_seconds: float = Field(2.0, gt=0, description="seconds between checks for a new bundle")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="`debug`, `info`, `warning` or `error`"
    )
    _own: dict[str, frozenset[str]] = PrivateAttr(default_factory=dict)  # see ``ScenePolicies``

    @model_validator(mode="before")
    @classmethod
    def _add_policy_to_scenes(cls, values: dict[str, Any]) -> dict[str, Any]:
        return complete_scenes(values)

    @model_validator(mode="wrap")
    @classmethod
    def _remember_own(cls, values: Any, build: ModelWrapValidatorHandler["Settings"]) -> "Settings":
        settings = build(values)
        scenes = values.get("scenes") if isinstance(values, dict) else None
        if isinstance(scenes, Mapping):  # before what they do not set was added
            settings._own = {name: _own_names(scene) for name, scene in scenes.items()}
        return settings

    @model_validator(mode="before")
    @classmethod
    def _read_redis_url(cls, values: dict[str, Any]) -> dict[str, Any]:
        file = values.get("REDIS_URL_FILE", values.get("redis_url_file"))
        if not file or values.get("REDIS_URL", values.get("redis_url")):
            return values
        try:
            return values | {"redis_url": Path(file).read_text("utf-8").strip()}
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"REDIS_URL_FILE {file} cannot be read: {error}") from None

    @field_validator("redis_url")
    @classmethod
    def _is_readable_or_none(cls, value: str | None) -> str | None:
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
    def checkpoints(self) -> Checkpoints:
        """The checkpoints in seconds, as the funnel counts."""
        return Checkpoints(**{stage: ms / 1000 for stage, ms in self.checkpoints_ms.items()})

    @property
    def scene_policies(self) -> ScenePolicies:
        """The policies of all scenes, and what each scene sets itself."""
        return ScenePolicies(self.policy, self.scenes, self._own)

    def with_policies(self, policies: ScenePolicies) -> "Settings":
        """Return these settings with other policies of scenes."""
        return self.model_copy(update={"policy": policies.default, "scenes": dict(policies.scenes)})

    @property
    def feedback_types(self) -> FeedbackTypes:
        """What the feedback of Gorse's API means."""
        return FeedbackTypes.of(
            self.gorse_positive_feedback_types,
            self.gorse_read_feedback_types,
            self.gorse_event_types,
        )

    @property
    def state_folder(self) -> Path:
        """The folder of what must survive the loss of Redis."""
        return self.out / "withheld" if self.state is None else self.state

    @property
    def trainings_folder(self) -> Path:
        """The folder of the records and logs of trainings."""
        return self.state_folder / "trainings"

    @property
    def archive_retention(self) -> dict[str, int]:
        """Days that each archived stream is kept, by its name; 0: for ever."""
        return {
            "events": self.archive_days,
            "shown": self.archive_days,
            "served": self.served_days,
        }

    @property
    def private_folder(self) -> Path:
        """The folder of the copies of bundles that the workers map."""
        return (self.state or self.out) / "private"

    @property
    def request_log_limit(self) -> int:
        """The largest number of answers that the request log keeps, archived or not."""
        return max(self.served_limit, self.served_backlog)

    def shown_memory(self) -> int:
        """Return how many shown items are remembered for a user; 0 if no policy reads them."""
        policies = (self.policy, *self.scenes.values())
        return self.shown_limit if any(policy.shown != "keep" for policy in policies) else 0

    def channel_overrides(self) -> dict[str, dict[str, Any]]:
        return {name: one.model_dump(exclude_none=True) for name, one in self.recall.items()}

    def export(self) -> None:
        """Write the settings to the environment, for the worker processes to read."""
        os.environ["RECFUNNEL_OUT"] = str(self.out.absolute())
        if self.state is not None:
            os.environ["RECFUNNEL_STATE"] = str(self.state.absolute())
        os.environ["RECFUNNEL_HOST"] = self.host
        os.environ["RECFUNNEL_PORT"] = str(self.port)
        os.environ["RECFUNNEL_WORKERS"] = str(self.workers)
        os.environ["RECFUNNEL_CORS_ORIGINS"] = json.dumps(self.cors_origins)
        if self.picture_base:
            os.environ["RECFUNNEL_PICTURE_BASE"] = self.picture_base
        if self.redis_url:
            os.environ["REDIS_URL"] = self.redis_url

    def key_ring(self) -> KeyRing:
        """Build the keys that the service accepts.

        Raises:
            KeyFormatError: a key, or the file of keys, cannot be read.
        """
        lines = self.api_keys.get_secret_value().split(";")
        return KeyRing(parse_keys(lines), self.api_keys_file)


def _own_names(scene: Any) -> frozenset[str]:
    """Return the names of the settings that a scene sets itself."""
    if isinstance(scene, SceneSettings):  # written in Python, complete
        return frozenset(each.name for each in fields(SceneSettings))
    return frozenset(map(str, scene)) if isinstance(scene, Mapping) else frozenset()


def complete_scenes(values: dict[str, Any]) -> dict[str, Any]:
    """Add the settings of ``policy`` to each scene that does not set them itself."""
    policy, scenes = values.get("policy", {}), values.get("scenes")
    if isinstance(policy, SceneSettings):
        policy = {each.name: getattr(policy, each.name) for each in fields(SceneSettings)}
    if not isinstance(scenes, Mapping) or not isinstance(policy, Mapping):
        return values
    complete = {
        name: {**policy, **scene} if isinstance(scene, Mapping) else scene
        for name, scene in scenes.items()
    }
    return values | {"scenes": complete}


def describe_error(error: ValidationError) -> str:
    """Return a sentence that names the first setting that cannot be used."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    reason = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        reason = "there is no such setting"
        if near := get_close_matches(name.rpartition(".")[2], _names_beside(first["loc"]), n=1):
            reason += f", did you mean {near[0]}?"
    return f"the setting {name} cannot be used: {reason}"


def _names_beside(path: tuple[int | str, ...]) -> list[str]:
    """Return the settings that exist where a path ends."""
    if len(path) == 1:
        return list(Settings.model_fields)
    if path[0] == "recall":
        return list(ChannelSettings.model_fields)
    if path[0] == "tracing":
        return list(TracingSettings.model_fields)
    return [each.name for each in fields(SceneSettings)]


def read_settings(overrides: dict[str, Any]) -> Settings:
    """Read all settings. ``overrides`` win over the environment, and that over the file.

    Raises:
        SettingsError: one cannot be used.
    """
    warn_of_unknown_variables(os.environ)
    try:
        return Settings(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{SETTINGS_FILE} is not TOML: {error}") from error
    except ValidationError as error:
        raise SettingsError(
            f"{describe_error(error)}; see the environment and {SETTINGS_FILE}"
        ) from None


def warn_of_unknown_variables(environment: Mapping[str, str]) -> None:
    """Log a warning for each variable that begins as ours do and names no setting."""
    prefix = str(Settings.model_config["env_prefix"])
    names = [f"{prefix}{name.upper()}" for name in Settings.model_fields]
    for variable in sorted(environment):
        name = variable.upper().partition("__")[0]
        if name.startswith(prefix) and name not in names:
            existing = [one.removeprefix(prefix) for one in names]
            near = get_close_matches(name.removeprefix(prefix), existing, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else "see docs/reference/settings.md"
            log.warning("the variable %s names no setting and has no effect: %s", variable, hint)


def share_metrics(folder: Path) -> None:
    """Let the worker processes add up their metrics through files in ``folder``."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def shared_metrics_folder() -> Path | None:
    """Return the folder of ``share_metrics``; None if this process is the only worker."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None
