"""Textbook rivals for data of sessions: V-SkNN and sequential rules, written as plainly as can be.

Both are fitted on past sessions and see nothing but the current one (Ludewig and Jannach:
Evaluation of session-based recommendation algorithms, 2018). Their scores are those of the
authors' framework ``session-rec``.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeAlias

import numpy as np

from app.contracts import Rows

Session: TypeAlias = Sequence[int]  # item rows, oldest first
Weighting: TypeAlias = Literal["same", "div", "linear", "quadratic"]

STEP_WEIGHTS: Mapping[str, Callable[[int], float]] = {  # by the distance in places, from 1
    "same": lambda _step: 1.0,
    "div": lambda step: 1.0 / step,
    "linear": lambda step: max(0.0, 1.0 - 0.1 * step),
    "quadratic": lambda step: 1.0 / step**2,
}
PLACE_WEIGHTS: Mapping[str, Callable[[int, int], float]] = {  # by the place, from 1, and the length
    "same": lambda _place, _length: 1.0,
    "div": lambda place, length: place / length,
    "linear": lambda place, length: max(0.0, 1.0 - 0.1 * (length - place)),
    "quadratic": lambda place, length: (place / length) ** 2,
}


class SessionRival(Protocol):
    """A model that scores the next items of a session."""

    def scores(self, session: Session) -> dict[int, float]:
        """Return the score of each item that the model proposes, by row; higher is better."""
        ...


@dataclass(frozen=True)
class SessionNeighbours:
    """V-SkNN: the items of the past sessions that are most similar to the current one.

    The current session is a vector with larger entries for later items, ``PLACE_WEIGHTS``. Of the
    ``sample`` most recent past sessions that share an item with it, the ``k`` with the largest
    product are its neighbours. A neighbour adds ``similarity · STEP_WEIGHTS`` to each of its items;
    the step is the place, from the end of the current session, of the last item that both share.
    """

    sessions: Sequence[Session]  # in order of time
    k: int = 100
    sample: int = 1_000
    place_weights: Weighting = "div"
    step_weights: Weighting = "div"
    idf: float = 0.0  # power of the items' weight log(sessions / sessions with the item)

    @cached_property
    def sessions_of_item(self) -> dict[int, list[int]]:
        """The numbers of the sessions with each item, ascending."""
        result: dict[int, list[int]] = defaultdict(list)
        for number, session in enumerate(self.sessions):
            for item in dict.fromkeys(session):
                result[item].append(number)
        return dict(result)

    @cached_property
    def item_sets(self) -> list[frozenset[int]]:
        """The unique items of each session."""
        return [frozenset(session) for session in self.sessions]

    def scores(self, session: Session) -> dict[int, float]:
        """Return the score of each item of the neighbours."""
        length = len(session)
        weight_of = PLACE_WEIGHTS[self.place_weights]
        vector = {item: weight_of(place, length) for place, item in enumerate(session, 1)}
        shared: dict[int, float] = defaultdict(float)
        for item, weight in vector.items():
            for number in self.sessions_of_item.get(item, [])[-self.sample :]:
                shared[number] += weight
        recent = sorted(shared, reverse=True)[: self.sample]
        neighbours = sorted(recent, key=lambda number: (-shared[number], -number))[: self.k]
        newest_first = list(dict.fromkeys(reversed(session)))
        result: dict[int, float] = defaultdict(float)
        for number in neighbours:
            items = self.item_sets[number]
            step = next(step for step, item in enumerate(newest_first, 1) if item in items)
            amount = shared[number] / len(vector) * STEP_WEIGHTS[self.step_weights](step)
            for item in items:
                result[item] += amount * self._idf(item)
        return dict(result)

    def _idf(self, item: int) -> float:
        if not self.idf:
            return 1.0
        return float(math.log(len(self.sessions) / len(self.sessions_of_item[item])) ** self.idf)


@dataclass(frozen=True)
class SequentialRules:
    """The items that followed the last item within ``steps`` places; nearer ones count more."""

    sessions: Sequence[Session]
    steps: int = 10
    weighting: Weighting = "div"

    @cached_property
    def rules(self) -> dict[int, dict[int, float]]:
        """The weight of each later item, by the earlier one."""
        result: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        weight_of = STEP_WEIGHTS[self.weighting]
        for session in self.sessions:
            for at, later in enumerate(session):
                for step in range(1, min(self.steps, at) + 1):
                    earlier = session[at - step]
                    if earlier != later:
                        result[earlier][later] += weight_of(step)
        return dict(result)

    def scores(self, session: Session) -> dict[int, float]:
        """Return the weight of each follower of the last item."""
        return dict(self.rules.get(session[-1], {}))


def best_items(scores: Mapping[int, float], left_out: Session, k: int) -> Rows:
    """Return the ``k`` items with the highest scores, without ``left_out``; equal ones by row."""
    allowed = scores.keys() - set(left_out)
    best = sorted(allowed, key=lambda item: (-scores[item], item))[:k]
    return np.array(best, np.int64)
