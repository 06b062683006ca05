"""How long an event hides its item from its user, by the type of the event.

This is the only definition. The query builder uses it, and training does so for past moments.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.contracts import NO_ROWS, EventTypes, History, Rows, Times
from app.event_weights import type_code

RepeatAction: TypeAlias = Literal["drop", "demote", "keep"]
SeenSetting: TypeAlias = str | dict[str, str]  # one rule, or one for each event type
DEFAULT = "default"  # in the setting: the event types that it does not name
DEFAULT_SEEN = {"view": "1d"}  # a view shows interest; what was bought or rated is done with
FOR_GOOD = frozenset({"drop", "hide", "forever"})
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}


class SeenError(ValueError):
    """A value of the setting ``seen`` that cannot be used. The text says what to write."""


@dataclass(frozen=True, slots=True)
class SeenRule:
    """What an event does to its item: hide it for ``seconds``, and then demote it or not."""

    seconds: float  # 0: not at all; inf: for good
    demotes: bool = False

    @classmethod
    def parse(cls, text: str) -> "SeenRule":
        """Read one action or duration.

        Raises:
            SeenError: it is neither.
        """
        word = text.strip().lower()
        if word in FOR_GOOD:
            return cls(math.inf)
        if word in {"keep", "demote"}:
            return cls(0.0, word == "demote")
        duration = DURATION.fullmatch(word)
        if duration is None:
            raise SeenError(
                f'"{text}" is no rule for seen items: write "keep", "demote", "hide" (for good) or '
                'a duration such as "30d" or "12h"'
            )
        return cls(float(duration[1]) * UNIT_SECONDS[duration[2]])


@dataclass(frozen=True, slots=True)
class SeenRules:
    """The rules of one scene."""

    others: SeenRule  # of event types without a rule
    by_type: tuple[tuple[int, SeenRule], ...] = ()  # code of an event type, and its rule

    @property
    def hides(self) -> bool:
        """True if any event hides its item."""
        return any(rule.seconds > 0 for rule in (self.others, *(rule for _, rule in self.by_type)))

    @property
    def demotes(self) -> bool:
        """True if any event demotes its item."""
        return self.others.demotes or any(rule.demotes for _, rule in self.by_type)

    def hidden(self, history: History, now: float) -> Rows:
        """Return the items that the history hides at ``now``, unix seconds; they may repeat."""
        is_hiding = self.are_hiding(history.types, history.times, now)
        return history.rows if is_hiding is None else history.rows[is_hiding]

    def are_hiding(self, types: EventTypes, times: Times, now: float) -> NDArray[np.bool_] | None:
        """Return which events hide their item at ``now``, (n,); None: all of them."""
        lasting: float | NDArray[np.float64] = self.others.seconds
        for code, rule in self.by_type if len(types) else ():
            chosen = types == code
            if chosen.any():
                if isinstance(lasting, float):
                    lasting = np.full(len(times), lasting)
                lasting[chosen] = rule.seconds
        if isinstance(lasting, float) and lasting == math.inf:
            return None
        is_hiding: NDArray[np.bool_] = times + lasting > now
        return is_hiding

    def demoted(self, history: History) -> Rows:
        """Return the items of events that demote theirs."""
        is_demoted = np.full(len(history), self.others.demotes)
        for code, rule in self.by_type if len(history.types) else ():
            is_demoted[history.types == code] = rule.demotes
        return history.rows[is_demoted] if is_demoted.any() else NO_ROWS


def check_seen(setting: SeenSetting) -> SeenSetting:
    """Return the setting; raise ``SeenError`` if one of its rules cannot be used."""
    for text in (setting,) if isinstance(setting, str) else setting.values():
        SeenRule.parse(text)
    return setting


def seen_rules(setting: SeenSetting) -> SeenRules:
    """Return the rules of a checked setting. Types that it does not name keep the default."""
    return _parse_rules(setting if isinstance(setting, str) else tuple(setting.items()))


@lru_cache(maxsize=64)
def _parse_rules(setting: str | tuple[tuple[str, str], ...]) -> SeenRules:
    if isinstance(setting, str):
        return SeenRules(SeenRule.parse(setting))
    texts: Mapping[str, str] = {DEFAULT: "hide", **DEFAULT_SEEN, **dict(setting)}
    rules = {name: SeenRule.parse(text) for name, text in texts.items()}
    others = rules.pop(DEFAULT)
    return SeenRules(others, tuple((type_code(name), rule) for name, rule in rules.items()))


DEFAULT_RULES = seen_rules({})
