"""New users who answer onboarding questions truthfully, by what they do later."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.api.onboarding import EVENT_TYPES, MAX_ITEMS
from app.artifacts import Models
from app.contracts import History
from app.event_weights import EventWeights
from app.recall.onboarding import select_items
from app.state.event_interpreter import EventInterpreter
from benchmarks.quality.windows import SEED, BenchmarkWindow
from offline.data.dataset import Dataset
from offline.data.errors import DataError
from offline.evaluate.baselines import ALL_TIME, popularity_order
from offline.evaluate.rowsets import RowSets

LENGTHS = (12, 16, MAX_ITEMS)  # questions
RANDOM_POOL = 500  # popular items, from which some are drawn at random
SERVICE, POPULAR, RANDOM = (
    "those of /onboarding",
    "the most popular",
    f"random of {RANDOM_POOL} popular",
)


@dataclass(frozen=True, slots=True, eq=False)
class OnboardingUsers:
    """Users who come after the models are fitted, with their opinion of every item."""

    users: NDArray[np.int64]  # (u,) user rows
    opinions: NDArray[np.int8]  # (u, n) 1 liked later, -1 disliked later, 0 none or in between
    questions: Mapping[str, NDArray[np.int64]]  # way -> rows (u, n) in their order
    relevant: RowSets  # liked later, without the items of all questions; none is empty

    def answers_to(self, way: str, n: int) -> NDArray[np.int8]:
        """Return the answers to the first ``n`` questions, (u, n): 1 like, -1 dislike, 0 skip."""
        return np.take_along_axis(self.opinions, self.questions[way][:, :n], axis=1)

    def all_questions(self) -> NDArray[np.int64]:
        """Return the items of all ways, (u, ways * n) rows, with repeats."""
        return np.concatenate(list(self.questions.values()), axis=1)


def select_onboarding_users(
    dataset: Dataset, window: BenchmarkWindow, models: Models, n: int = MAX_ITEMS
) -> OnboardingUsers:
    """Select the users without a history at the cut who like something beyond the questions.

    Raises:
        DataError: there is no such user.
    """
    lines = np.flatnonzero(window.events == 0)
    users, liked = window.users[lines], window.relevant.take(lines)
    opinions = _opinions(dataset, window, users)
    everyone = OnboardingUsers(users, opinions, choose_questions(models, len(users), n), liked)
    relevant = _without(liked, everyone.all_questions())
    selected = np.flatnonzero(relevant.sizes > 0)
    if not len(selected):
        raise DataError(
            f"No user who comes after the cut {window.name} likes anything beyond the questions: "
            "choose an earlier cut, or more data."
        )
    questions = {way: rows[selected] for way, rows in everyone.questions.items()}
    return OnboardingUsers(users[selected], opinions[selected], questions, relevant.take(selected))


def choose_questions(
    models: Models, users: int, n: int = MAX_ITEMS
) -> dict[str, NDArray[np.int64]]:
    """Return the rows of the questions to each user, (users, n), by way of choosing."""
    popular, random = popularity_order(models.popularity, ALL_TIME), np.random.default_rng(SEED)
    drawn = [random.permutation(popular[:RANDOM_POOL])[:n] for _ in range(users)]
    return {
        SERVICE: np.tile(select_items(models, n), (users, 1)),
        POPULAR: np.tile(popular[:n], (users, 1)),
        RANDOM: np.array(drawn, np.int64).reshape(users, len(popular[:n])),
    }


def build_history(
    dataset: Dataset,
    event_weights: EventWeights,
    rows: NDArray[np.int64],
    answers: NDArray[np.int8],
    time: float,
) -> History:
    """Return the answers as the events that ``POST /users/{id}/onboarding`` makes of them."""
    chosen = [rows[answers > 0], rows[answers < 0]]
    kinds = np.repeat(list(EVENT_TYPES.values()), [len(part) for part in chosen]).tolist()
    items = dataset.catalogue.ids.names(np.concatenate(chosen))
    read = EventInterpreter(dataset.catalogue.ids, event_weights).read
    return read(items, kinds, [1.0] * len(items), np.full(len(items), time))


def _opinions(
    dataset: Dataset, window: BenchmarkWindow, users: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Return each user's opinion of each item after the cut; a like wins over a dislike."""
    later = dataset.log.between(window.cut, np.inf)
    later = later.take(np.flatnonzero(np.isin(later.users, users)))
    opinions = np.zeros((len(users), len(dataset.catalogue)), np.int8)
    lines = np.searchsorted(users, later.users)
    for opinion, chosen in ((-1, later.weights < 0), (1, later.weights > 0)):
        opinions[lines[chosen], later.items[chosen]] = opinion
    return opinions


def _without(sets: RowSets, rows: NDArray[np.int64]) -> RowSets:
    """Remove rows (u, m) from the users' sets."""
    removed = RowSets.of(list(rows))
    kept = removed.grades_of(sets.owners, sets.rows) == 0
    return RowSets.of_pairs(sets.owners[kept], sets.rows[kept], len(sets), sets.grades[kept])
