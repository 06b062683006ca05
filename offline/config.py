"""The training configuration, and its file: ``tune`` writes it, ``train --config`` reads it.

The file is TOML with the fields of ``JobConfig`` by their names. A setting that is absent has its
default. A bundle's manifest holds the settings of its training, so that it can be repeated. The
file has no settings of the service or of a single command.
"""

import difflib
import logging
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, get_type_hints

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails, to_json

from app.artifacts import Sizes
from app.bundle.manifest import parse_manifest
from app.contracts import Count, Seed
from app.rank.scorer import POINTWISE_LISTWISE, RankerKinds
from app.recall.channel import ChannelConfig
from app.recall.registry import CHANNEL_SPECS, ChannelError, read_channel_configs
from app.rerank.policies import SceneSettings
from offline.data.errors import DataError
from offline.evaluate.gate import GateConfig
from offline.models.registry import RecallConfig
from offline.publish.index import IndexConfig
from offline.publish.versions import BUNDLES_KEPT
from offline.setting_paths import NOT_MODEL_SETTINGS
from offline.training.objectives import ObjectiveWeights
from offline.training.rankers import HybridConfig, RankConfig
from offline.training.row_collection import NEGATIVES_PER_GROUP
from offline.training.visits import VisitConfig

NOT_IN_FILE = NOT_MODEL_SETTINGS | {"policy"}
CHANNEL_SETTINGS = {spec.name: frozenset(asdict(spec.config)) for spec in CHANNEL_SPECS}
UNKNOWN_FIELD_ERRORS = frozenset({"extra_forbidden", "unexpected_keyword_argument"})  # of pydantic
EARLIER_NAMES = {  # of settings: read with a warning for one release
    "askers": "users_per_window",
    "index.looked_into": "probed_share",
    "recall.ease.fewest_likes": "min_likes",
    "recall.ease.most_items": "max_items",
    "recall.placement.fewest": "min_likes",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobConfig:
    """All that a training depends on, apart from the data."""

    seed: Seed = 7
    recall: RecallConfig = field(default_factory=RecallConfig)
    rankers: RankerKinds = field(default_factory=RankerKinds)
    rank: RankConfig = field(default_factory=RankConfig)
    hybrid: HybridConfig = field(default_factory=HybridConfig)
    objectives: ObjectiveWeights = field(default_factory=ObjectiveWeights)
    sizes: Sizes = field(default_factory=Sizes)
    channels: Mapping[str, ChannelConfig] = field(default_factory=lambda: read_channel_configs({}))
    index: IndexConfig = field(default_factory=IndexConfig)
    policy: SceneSettings = field(default_factory=SceneSettings)
    gate: GateConfig = field(default_factory=GateConfig)
    keep: int = BUNDLES_KEPT  # the newest bundles
    compare: bool = False  # every kind of fine ranker, in the report
    processes: Count = 1  # that work at once, with a copy of the data each; they change no result
    plots: bool = True  # in report.html; to draw them takes a second
    adapt: bool = True  # constants of recall are chosen for the data; see ``offline.adaptation``
    users_per_window: Count = 1_000  # at most so many users of each window give rows
    visits: VisitConfig = field(default_factory=VisitConfig)  # moments that rankers learn from
    negatives: Count = NEGATIVES_PER_GROUP  # sampled rows without a label in each group, about
    redis_url: str | None = field(default=None, repr=False)  # the store of the similarity tables
    key_prefix: str = "recfunnel"


class ConfigError(DataError):
    """A configuration that cannot be used. The text names the setting and what is allowed."""


def read_config(path: Path) -> JobConfig:
    """Read a TOML file, or the settings in the manifest of a bundle's folder.

    Raises:
        ConfigError: the file is not TOML, has an unknown setting, or a wrong value.
        BundleError: the folder holds no bundle.
        OSError: the file does not exist.
    """
    if path.is_dir():
        return build_job_config(_read_bundle_settings(path), str(path))
    try:
        return build_job_config(tomllib.loads(path.read_text("utf-8")), str(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def build_job_config(settings: Mapping[str, Any], source: str) -> JobConfig:
    """Build a configuration from tables of settings; ``source`` names them in errors.

    The seed of recall is that of the job unless it has its own.

    Raises:
        ConfigError: a setting is unknown or has a wrong value.
    """
    settings = _rename_earlier_settings(settings)
    recall = settings.get("recall", {})
    channels: dict[str, dict[str, Any]] = {}
    if isinstance(recall, Mapping):
        recall, channels = _split_channels(recall)
        recall = {"seed": settings.get("seed", JobConfig().seed), **recall}
    text = to_json({**settings, "recall": recall}, inf_nan_mode="constants")
    try:
        checked = _schema().model_validate_json(text)
        channel_configs = read_channel_configs(channels)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_sentence(error.errors()[0])}") from None
    except ChannelError as error:
        raise ConfigError(f"{source}: {error}") from None
    values = {name: getattr(checked, name) for name in _schema().model_fields}
    return JobConfig(**values, channels=channel_configs)


def _split_channels(
    recall: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Split the tables of ``recall`` into the models' settings and the channels'.

    ``[recall.ease]`` holds the settings of the model and those of the channel of that name.
    """
    models: dict[str, Any] = {}
    channels: dict[str, dict[str, Any]] = {}
    model_names = {field.name for field in fields(RecallConfig)}
    for name, table in recall.items():
        if name not in CHANNEL_SETTINGS or not isinstance(table, Mapping):
            models[name] = table
        elif name not in model_names:
            channels[name] = dict(table)
        else:
            own = CHANNEL_SETTINGS[name]
            channels[name] = {key: value for key, value in table.items() if key in own}
            models[name] = {key: value for key, value in table.items() if key not in own}
    return models, channels


def _rename_earlier_settings(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    for path, name in EARLIER_NAMES.items():
        settings = _rename_setting(settings, path.split("."), path, name)
    settings = dict(settings)
    hybrid = settings.get("hybrid")
    if isinstance(hybrid, Mapping) and hybrid.keys() & {"kind", "crowd"}:
        log.warning("hybrid.kind is now rankers.fine; hybrid.alpha replaces hybrid.crowd")
        rankers = {"fine": current_kind(hybrid["kind"])} if "kind" in hybrid else {}
        settings["rankers"] = {**rankers, **settings.get("rankers", {})}
        settings["hybrid"] = {n: v for n, v in hybrid.items() if n not in {"kind", "crowd"}}
    return settings


def _rename_setting(
    table: Mapping[str, Any], path: list[str], earlier: str, name: str
) -> Mapping[str, Any]:
    """Return the table with the setting at ``path`` renamed, if it has it."""
    first, *rest = path
    if first not in table:
        return table
    if rest:
        inner = table[first]
        is_table = isinstance(inner, Mapping)
        return {**table, first: _rename_setting(inner, rest, earlier, name)} if is_table else table
    log.warning("the setting %s is now %s", earlier, ".".join([*earlier.split(".")[:-1], name]))
    return {name: table[first], **{key: value for key, value in table.items() if key != first}}


def current_kind(name: str) -> str:
    """Return today's name of a kind of fine ranker; "cascade" is its earlier name of the trees."""
    return POINTWISE_LISTWISE if name == "cascade" else name


def config_to_toml(config: JobConfig, comment: str = "") -> str:
    """Return all settings as TOML, below the lines of ``comment`` as comments."""
    settings = asdict(config, dict_factory=lambda pairs: {k: v for k, v in pairs if v is not None})
    for name, channel in settings.pop("channels").items():
        settings["recall"][name] = settings["recall"].get(name, {}) | channel
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return head + tomli_w.dumps({n: settings[n] for n in settings if n not in NOT_IN_FILE})


@cache
def _schema() -> type[BaseModel]:
    """Derive what a file may hold from the dataclasses: names, types, limits, defaults."""
    types, default = get_type_hints(JobConfig, include_extras=True), JobConfig()
    model_fields: dict[str, Any] = {
        name: (kind, getattr(default, name))
        for name, kind in types.items()
        if name not in NOT_IN_FILE | {"channels"}  # channels stand in the tables of ``recall``
    }
    forbid = ConfigDict(extra="forbid", strict=True)
    return create_model("Training", __config__=forbid, **model_fields)


def _read_bundle_settings(folder: Path) -> dict[str, Any]:
    """Return a bundle's settings as the tables that they are in a file."""
    settings: dict[str, Any] = {}
    for path, value in parse_manifest(folder).settings.items():
        *tables, name = path.split(".")
        table = settings
        for each in tables:
            table = table.setdefault(each, {})
        table[name] = inf if value == "inf" else value
    if not settings:
        raise ConfigError(f"{folder} holds no settings, because an earlier version trained it")
    return {name: value for name, value in settings.items() if name not in NOT_IN_FILE}


def _sentence(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"]]
    if error["type"] in UNKNOWN_FIELD_ERRORS:
        return _unknown(place)
    reason = error["msg"].removeprefix("Input ").replace("an object", "a table")
    return f"{'.'.join(place)} cannot be {error['input']!r}: it {reason}."


def _unknown(place: list[str]) -> str:
    """Return that the setting does not exist, and which do."""
    if place[0] in NOT_IN_FILE:
        return (
            f"{place[0]} is not a setting of training. Set it in recfunnel.toml, or on the command "
            "line."
        )
    *tables, name = place
    names = sorted(_names(tables))
    near = difflib.get_close_matches(name, names, 1)
    guess = f" Is it {near[0]}?" if near else ""
    listed = ", ".join(names)
    return f"there is no setting {'.'.join(place)}.{guess} The settings here are {listed}."


def _names(tables: list[str]) -> list[str]:
    """List the settings of a table, or of the whole file."""
    table: Any = JobConfig()
    for each in tables:
        table = getattr(table, each)
    assert is_dataclass(table)  # noqa: S101 - only a table can have a setting too many
    names = [field.name for field in fields(table) if tables or field.name not in NOT_IN_FILE]
    match tables:
        case []:
            return [name for name in names if name != "channels"]
        case ["recall"]:
            return sorted({*names, *CHANNEL_SETTINGS})
        case ["recall", channel]:
            return [*names, *CHANNEL_SETTINGS.get(channel, ())]
        case _:
            return names
