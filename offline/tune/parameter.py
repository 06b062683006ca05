"""What can be tried of one setting, and a configuration with other values."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any, TypeAlias

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from offline.job import JobConfig

OptionValue: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two bounds, whole where these are; ``log``: ratios count, not gaps."""

    name: str  # of the setting, by its path in ``JobConfig``
    low: float
    high: float
    log: bool = False

    def distribution(self, default: Any) -> BaseDistribution:
        """Give what is drawn from; a default that lies outside is let in."""
        low, high = min(self.low, default), max(self.high, default)
        log = self.log and low > 0
        if isinstance(self.low, int):
            return IntDistribution(low, high, log=log)
        return FloatDistribution(low, high, log=log)

    def rounded(self, value: Any) -> Any:
        """Round what was drawn to what can be told apart."""
        return float(f"{value:.3g}") if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class Options:
    """One of a few values, without order."""

    name: str  # of the setting, by its path in ``JobConfig``
    values: tuple[OptionValue, ...]

    def distribution(self, default: Any) -> BaseDistribution:
        """Give what is drawn from; a default that is none of the values is let in."""
        others = () if default in self.values else (default,)
        return CategoricalDistribution((*self.values, *others))

    def rounded(self, value: Any) -> Any:
        """Give the value as it is."""
        return value


SearchDimension: TypeAlias = Range | Options


def value_of(config: Any, name: str) -> Any:
    """Look a setting up by its path."""
    for part in name.split("."):
        config = getattr(config, part)
    return config


def with_values(config: JobConfig, values: Mapping[str, Any]) -> JobConfig:
    """Give the configuration with other values, told by their paths."""
    for name, value in values.items():
        config = _set(config, name.split("."), value)
    return config


def _set(table: Any, path: list[str], value: Any) -> Any:
    name, *deeper = path
    return replace(table, **{name: _set(getattr(table, name), deeper, value) if deeper else value})


def without_decay(config: JobConfig) -> JobConfig:
    """Let nothing fade, as ``fit`` does where the log's times are made up."""
    fading = {
        f"recall.{one.name}.half_life": inf
        for one in fields(config.recall)
        if hasattr(getattr(config.recall, one.name), "half_life")
    }
    return with_values(config, fading)
