"""The declaration of a recall channel. A channel is one file here and a line in the registry."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

from app.artifacts import Indexes, Models
from app.contracts import Count
from app.cpu import Cpu
from app.stages import Channel, FriendEvents, LocalChannel, RemoteTables, Tables
from app.state.counters import PopularityCounters

ChannelKind: TypeAlias = Literal["history", "friends", "popularity"]  # what it recalls by


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """The settings that every channel has. A channel with settings of its own extends this."""

    enabled: bool = True
    limit: Count | None = None  # most candidates of this channel; None: ``Sizes.recall``


Config = TypeVar("Config", bound=ChannelConfig)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelInputs:
    """All that a channel may be built from."""

    models: Models
    indexes: Indexes
    counters: PopularityCounters
    tables: Tables | RemoteTables
    friend_events: FriendEvents
    cpu: Cpu


@dataclass(frozen=True, slots=True)
class ChannelSpec(Generic[Config]):
    """The declaration of a channel: everything that training and serving need to know of it."""

    name: str  # also names its columns, its stage and its metric label
    meaning: str  # what it proposes, one line
    kind: ChannelKind
    config: Config  # the defaults
    build: Callable[[Config, ChannelInputs], Channel | LocalChannel]
    is_rising: bool = True  # True: a better rank or score in its list may only raise a score

    @property
    def is_personal(self) -> bool:
        """True if the channel needs a history or friends. A popularity channel needs neither."""
        return self.kind != "popularity"

    @property
    def columns(self) -> tuple[str, str]:
        """The names of its two features: the rank and the score in its list."""
        return f"{self.name}_rank", f"{self.name}_z"
