"""The training configuration as a file: ``recfunnel tune`` writes it, ``train --config`` reads it.

A TOML file of the fields of ``JobConfig`` by their names; what is left out has its default. A
bundle tells the settings of its own training, so that it can be repeated. What belongs to the
service or to one command is no part of it.
"""

import difflib
import logging
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, get_type_hints

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails, to_json

from app.bundle.manifest import parse_manifest
from app.rank.kinds import POINTWISE_LISTWISE
from app.recall.registry import CHANNEL_SPECS, ChannelError, read_channel_configs
from offline.data.errors import DataError
from offline.job import JobConfig
from offline.models.registry import RecallConfig
from offline.publish.flatten_config import NOT_MODEL_SETTINGS

NOT_IN_FILE = NOT_MODEL_SETTINGS | {"policy"}
CHANNEL_SETTINGS = {spec.name: frozenset(asdict(spec.config)) for spec in CHANNEL_SPECS}
UNKNOWN_FIELD_ERRORS = frozenset(
    {"extra_forbidden", "unexpected_keyword_argument"}
)  # as pydantic says it


log = logging.getLogger(__name__)


class ConfigError(DataError):
    """A configuration that cannot be used. The text names the setting and what is allowed."""


def read_config(path: Path) -> JobConfig:
    """Read a TOML file, or the settings of the bundle whose folder this is.

    Raises:
        ConfigError: it is not TOML, has an unknown setting, or one of a wrong type or size.
        BundleError: the folder holds no bundle.
        OSError: there is no such file.
    """
    if path.is_dir():
        return build_job_config(_of_bundle(path), str(path))
    try:
        return build_job_config(tomllib.loads(path.read_text("utf-8")), str(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def build_job_config(told: Mapping[str, Any], source: str) -> JobConfig:
    """Make a configuration of what was told; recall's seed is the job's unless told apart.

    Raises:
        ConfigError: as ``read``.
    """
    told = _rename_earlier_settings(told)
    recall = told.get("recall", {})
    channels: dict[str, dict[str, Any]] = {}
    if isinstance(recall, Mapping):
        recall, channels = _split_channels(recall)
        recall = {"seed": told.get("seed", JobConfig().seed), **recall}
    text = to_json({**told, "recall": recall}, inf_nan_mode="constants")
    try:
        found = _schema().model_validate_json(text)
        channel_configs = read_channel_configs(channels)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_sentence(error.errors()[0])}") from None
    except ChannelError as error:
        raise ConfigError(f"{source}: {error}") from None
    values = {name: getattr(found, name) for name in _schema().model_fields}
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
    """Write the settings of the earlier version by their names of today, with a warning."""
    hybrid = settings.get("hybrid")
    if not isinstance(hybrid, Mapping) or not hybrid.keys() & {"kind", "crowd"}:
        return settings
    log.warning("hybrid.kind is now rankers.fine, and hybrid.crowd is no more: see hybrid.alpha")
    kept = {name: value for name, value in hybrid.items() if name not in {"kind", "crowd"}}
    rankers = {"fine": current_kind(hybrid["kind"])} if "kind" in hybrid else {}
    return {**settings, "hybrid": kept, "rankers": {**rankers, **settings.get("rankers", {})}}


def current_kind(name: str) -> str:
    """Return today's name of a kind of fine ranker; "cascade" is its earlier name of the trees."""
    return POINTWISE_LISTWISE if name == "cascade" else name


def config_to_toml(config: JobConfig, about: str = "") -> str:
    """Write the configuration as TOML, all settings, below the lines of ``about`` as comments."""
    told = asdict(config, dict_factory=lambda pairs: {k: v for k, v in pairs if v is not None})
    for name, channel in told.pop("channels").items():
        told["recall"][name] = told["recall"].get(name, {}) | channel
    head = "".join(f"# {line}".rstrip() + "\n" for line in about.splitlines())
    return head + tomli_w.dumps({name: told[name] for name in told if name not in NOT_IN_FILE})


@cache
def _schema() -> type[BaseModel]:
    """Derive what a file may hold from the dataclasses: names, types, limits, defaults."""
    kinds, default = get_type_hints(JobConfig, include_extras=True), JobConfig()
    told: dict[str, Any] = {
        name: (kind, getattr(default, name))
        for name, kind in kinds.items()
        if name not in NOT_IN_FILE | {"channels"}  # these stand in the tables of ``recall``
    }
    return create_model("Training", __config__=ConfigDict(extra="forbid", strict=True), **told)


def _of_bundle(folder: Path) -> dict[str, Any]:
    """Give a bundle's settings as the tables that they are in a file."""
    told: dict[str, Any] = {}
    for path, value in parse_manifest(folder).settings.items():
        *tables, name = path.split(".")
        table = told
        for each in tables:
            table = table.setdefault(each, {})
        table[name] = inf if value == "inf" else value
    if not told:
        raise ConfigError(f"{folder} does not tell its settings: it is of an earlier version")
    return {name: value for name, value in told.items() if name not in NOT_IN_FILE}


def _sentence(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"]]
    if error["type"] in UNKNOWN_FIELD_ERRORS:
        return _unknown(place)
    reason = error["msg"].removeprefix("Input ").replace("an object", "a table")
    return f"{'.'.join(place)} cannot be {error['input']!r}: it {reason}."


def _unknown(place: list[str]) -> str:
    """Say that there is no such setting, and which there are."""
    if place[0] in NOT_IN_FILE:
        return (
            f"{place[0]} is not of the training's configuration, but of the service's "
            "(recfunnel.toml) or of the command line."
        )
    *tables, name = place
    names = sorted(_names(tables))
    near = difflib.get_close_matches(name, names, 1)
    guess = f" Is it {near[0]}?" if near else ""
    return f"there is no setting {'.'.join(place)}.{guess} Here may stand: {', '.join(names)}."


def _names(tables: list[str]) -> list[str]:
    """List the settings of a table; without one those of the whole file."""
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
