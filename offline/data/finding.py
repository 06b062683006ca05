"""A statement about a data set, as doctor and train print it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

FindingLevel: TypeAlias = Literal["good", "limit", "problem"]


@dataclass(frozen=True, slots=True)
class DataFinding:
    """One statement about the data."""

    level: FindingLevel
    text: str
