"""Newcomers who are asked about some items, and answer truthfully: by what they went on to do."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.api.onboarding import ANSWERS, MAX_ITEMS
from app.artifacts import Models
from app.contracts import History
from app.event_weights import EventWeights
from app.recall.onboarding import select_items
from app.state.event_codec import EventInterpreter
from benchmarks.quality.window_lists import SEED
from benchmarks.quality.windows import BenchmarkWindow
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.evaluate.baselines import ALL_TIME, popularity_order
from offline.evaluate.rowsets import RowSets

LENGTHS = (12, 16, MAX_ITEMS)  # items that somebody is asked about
RANDOM_POOL = 500  # popular items, of which some are drawn by chance
SERVICE, POPULAR, RANDOM = (
    "those of /onboarding",
    "the most popular",
    f"random of {RANDOM_POOL} popular",
)


@dataclass(frozen=True, slots=True, eq=False)
class OnboardingUsers:
    """Users who came after the models were made, and what they think of every item."""

    users: NDArray[np.int64]  # (u,) user rows
    opinions: NDArray[np.int8]  # (u, n) 1 liked later, -1 disliked later, 0 none or in between
    questions: Mapping[
        str, NDArray[np.int64]
    ]  # rows (u, MAX_ITEMS) by way of choosing, first is first
    relevant: RowSets  # what they liked later, less all that anybody asks them about; none is empty

    def answers_to(self, way: str, n: int) -> NDArray[np.int8]:
        """Give the answers to the first ``n`` questions, (u, n): 1 liked, -1 not, 0 skipped."""
        return np.take_along_axis(self.opinions, self.questions[way][:, :n], axis=1)

    def all_questions(self) -> NDArray[np.int64]:
        """Give what each is asked about by any way, (u, ways * MAX_ITEMS) rows, with repeats."""
        return np.concatenate(list(self.questions.values()), axis=1)


def select_onboarding_users(
    dataset: Dataset, window: BenchmarkWindow, models: Models
) -> OnboardingUsers:
    """Find who has no history at the window's cut, and likes something they are not asked about.

    Raises:
        DataError: there is nobody.
    """
    lines = np.flatnonzero(window.events == 0)
    users, liked = window.users[lines], window.relevant.take(lines)
    found = OnboardingUsers(
        users, _opinions(dataset, window, users), choose_questions(models, len(users)), liked
    )
    left = _without(liked, found.all_questions())
    judged = np.flatnonzero(left.sizes > 0)
    if not len(judged):
        raise DataError(
            f"Nobody came after the cut {window.name} who likes anything but what they are asked "
            "about: choose an earlier cut, or more data."
        )
    chosen = {way: rows[judged] for way, rows in found.questions.items()}
    return OnboardingUsers(users[judged], found.opinions[judged], chosen, left.take(judged))


def choose_questions(models: Models, users: int) -> dict[str, NDArray[np.int64]]:
    """Give the rows to ask each of so many users about, (users, MAX_ITEMS), by way of choosing."""
    popular, random = popularity_order(models.popularity, ALL_TIME), np.random.default_rng(SEED)
    drawn = [random.permutation(popular[:RANDOM_POOL])[:MAX_ITEMS] for _ in range(users)]
    return {
        SERVICE: np.tile(select_items(models, MAX_ITEMS), (users, 1)),
        POPULAR: np.tile(popular[:MAX_ITEMS], (users, 1)),
        RANDOM: np.array(drawn, np.int64).reshape(users, len(popular[:MAX_ITEMS])),
    }


def build_history(
    dataset: Dataset,
    preferences: EventWeights,
    rows: NDArray[np.int64],
    said: NDArray[np.int8],
    at: float,
) -> History:
    """Give the answers as the events that ``POST /users/{id}/onboarding`` makes of them."""
    chosen = [rows[said > 0], rows[said < 0]]
    kinds = np.repeat(list(ANSWERS.values()), [len(part) for part in chosen]).tolist()
    items = dataset.catalogue.ids.names(np.concatenate(chosen))
    read = EventInterpreter(dataset.catalogue.ids, preferences).read
    return read(items, kinds, [1.0] * len(items), np.full(len(items), at))


def _opinions(
    dataset: Dataset, window: BenchmarkWindow, users: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Say what each thinks of each item by all they do after the cut; a like beats a dislike."""
    later = dataset.log.between(window.cut, np.inf)
    later = later.take(np.flatnonzero(np.isin(later.users, users)))
    opinions = np.zeros((len(users), len(dataset.catalogue)), np.int8)
    lines = np.searchsorted(users, later.users)
    for opinion, spoken in ((-1, later.weights < 0), (1, later.weights > 0)):
        opinions[lines[spoken], later.items[spoken]] = opinion
    return opinions


def _without(sets: RowSets, rows: NDArray[np.int64]) -> RowSets:
    """Take rows (u, m) out of the users' sets."""
    gone = RowSets.of(list(rows))
    kept = gone.grades_of(sets.owners, sets.rows) == 0
    return RowSets.of_pairs(sets.owners[kept], sets.rows[kept], len(sets), sets.grades[kept])
