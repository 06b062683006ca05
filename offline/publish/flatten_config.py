"""What a job was told, flat and plain, so that two bundles' settings can be laid side by side."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any, TypeAlias

SettingValue: TypeAlias = str | int | float | bool | None
NOT_MODEL_SETTINGS = frozenset(
    {"redis_url", "key_prefix", "gate", "keep", "compare"}
)  # make no other model


def flatten_config(config: Any) -> dict[str, SettingValue]:
    """Name every setting by its path, "recall.als.size"; endless ones are written "inf"."""
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
    """Keep what JSON has; write out anything else, endless numbers too."""
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    return value if isinstance(value, float) and isfinite(value) else str(value)
