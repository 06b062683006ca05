"""Flattens the settings of a job, so that those of two bundles can be compared."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any, TypeAlias

SettingValue: TypeAlias = str | int | float | bool | None
NOT_MODEL_SETTINGS = frozenset(
    {"redis_url", "key_prefix", "gate", "keep", "compare"}
)  # these do not change the models


def flatten_config(config: Any) -> dict[str, SettingValue]:
    """Return every setting by its path, such as "recall.als.size". Infinity becomes "inf"."""
    return dict(_flat(config, ""))


def _flat(config: Any, prefix: str) -> Iterator[tuple[str, SettingValue]]:
    for field in fields(config):
        value, name = getattr(config, field.name), f"{prefix}{field.name}"
        if name in NOT_MODEL_SETTINGS:
            continue
        if is_dataclass(value):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, Mapping):  # the channels: as in the file, beside their models
            for channel, channel_config in value.items():
                yield from _flat(channel_config, f"recall.{channel}.")
        else:
            yield name, _plain(value)


def _plain(value: object) -> SettingValue:
    """Return a value that JSON can hold; anything else, infinity too, becomes text."""
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    return value if isinstance(value, float) and isfinite(value) else str(value)
