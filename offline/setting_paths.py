"""Settings by their paths, such as "recall.als.size": list, read and change them."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from math import isfinite
from typing import Any, TypeAlias, TypeVar

Config = TypeVar("Config")  # a dataclass of settings
SettingValue: TypeAlias = str | int | float | bool | None
NOT_MODEL_SETTINGS = frozenset({"redis_url", "key_prefix", "gate", "keep", "compare", "processes"})


def flatten_config(config: Any) -> dict[str, SettingValue]:
    """Return every setting by its path. Infinity becomes "inf"."""
    return dict(_flat(config, ""))


def _flat(config: Any, prefix: str) -> Iterator[tuple[str, SettingValue]]:
    for field in fields(config):
        value, name = getattr(config, field.name), f"{prefix}{field.name}"
        if name in NOT_MODEL_SETTINGS:
            continue
        if is_dataclass(value):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, Mapping) and all(map(is_dataclass, value.values())):
            # the channels: as in the file, beside their models
            for channel, channel_config in value.items():
                yield from _flat(channel_config, f"recall.{channel}.")
        else:
            yield name, _plain(value)


def _plain(value: object) -> SettingValue:
    """Return a value that JSON can hold; anything else, infinity too, becomes text."""
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    return value if isinstance(value, float) and isfinite(value) else str(value)


def value_of(config: Any, name: str) -> Any:
    """Return the setting with this path."""
    for part in name.split("."):
        config = getattr(config, part)
    return config


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """Return the configuration with other values, by their paths."""
    for name, value in values.items():
        config = _set(config, name.split("."), value)
    return config


def _set(table: Any, path: list[str], value: Any) -> Any:
    name, *deeper = path
    return replace(table, **{name: _set(getattr(table, name), deeper, value) if deeper else value})
