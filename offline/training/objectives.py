"""What the service may want of a user, as grades of what they did with each item proposed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from app.bounds import NotNegative
from app.contracts import Matrix, Rows
from app.rank.objectives import RELEVANT
from offline.data.dataset import DataTraits, Log
from offline.data.errors import DataError

OUTCOMES = ("click", "conversion", "value")  # the columns of a table's outcomes
GRADES = 4  # of value, above 0: LightGBM gains 2^grade - 1
LARGEST_QUANTILE = (
    0.95  # of the different worths: a few that are far larger do not stretch the grades
)


@dataclass(frozen=True, slots=True)
class ObjectiveWeights:
    """How much each objective's model counts in the fine ranker; all 0: what suits the data."""

    relevant: NotNegative = 0.0  # any positive event
    click: NotNegative = 0.0  # any event that is not negative
    conversion: NotNegative = 0.0  # an event that weighs as much as the strongest positive type
    value: NotNegative = 0.0  # the sum of weight times value


# Where event types weigh differently. What is clicked leads: more of the rest costs relevance for
# people of whom little is known (docs/guides/objectives.md has the figures).
DEFAULT_WEIGHTS = ObjectiveWeights(click=1.0, conversion=0.3, value=0.2)


def choose_objectives(
    told: ObjectiveWeights, traits: DataTraits, hybrid: str = "cascade"
) -> dict[str, float]:
    """Give the weights of the objectives to blend; none: the single model is enough.

    Raises:
        DataError: they are told, and so is a hybrid that takes the place of the fine models.
    """
    weights = {name: weight for name, weight in asdict(told).items() if weight}
    if hybrid != "cascade":
        if weights:
            raise DataError(
                f"The hybrid {hybrid!r} takes the place of the fine ranker, so there is nothing to "
                "blend: leave either the hybrid or the objectives out."
            )
        return {}
    if not weights and len(traits.positive_weights) > 1:
        weights = {name: weight for name, weight in asdict(DEFAULT_WEIGHTS).items() if weight}
    return {} if set(weights) <= {RELEVANT} else weights


def compute_outcomes(rows: Rows, later: Log, strongest: float) -> Matrix:
    """Say what a user went on to do with each of ``rows``, (n, 3) as GRADED names them.

    Clicked and converted are 0 or 1. Value is what the events are worth, weight times value each,
    summed; 0 where they speak against the item.

    Args:
        rows: unique items.
        later: the user's own events.
        strongest: the weight from which an event is a conversion.
    """
    hit = rows[:, None] == later.items
    worth = later.weights.astype(np.float64) * later.values
    columns = [
        hit[:, later.weights >= 0].any(axis=1),
        hit[:, later.weights >= strongest].any(axis=1),
        np.maximum((hit * worth).sum(axis=1), 0.0),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def compute_grade_bounds(worth: NDArray[np.floating]) -> NDArray[np.float64]:
    """Part the worths that occur into GRADES grades of equal ratio; gives their inner bounds."""
    different = np.unique(worth[worth > 0]).astype(np.float64)
    if not len(different):
        return np.ones(GRADES - 1)
    largest = float(np.quantile(different, LARGEST_QUANTILE))
    return np.geomspace(different[0], largest, GRADES + 1)[1:-1]


def compute_grades(done: Matrix, objective: str, bounds: NDArray[np.float64]) -> NDArray[np.int32]:
    """Grade outcomes (n, 3) by one objective, (n,): 0 or 1, of value 0 to GRADES."""
    column = done[:, OUTCOMES.index(objective)]
    if objective != "value":
        return (column > 0).astype(np.int32)
    steps = 1 + np.searchsorted(bounds, column, side="right")
    return np.where(column > 0, steps, 0).astype(np.int32)


def parse_objectives(text: str) -> Mapping[str, float]:
    """Read weights as the command line has them, "conversion=1,click=0.3".

    Raises:
        DataError: it is not such a list; the text says what is.
    """
    names = tuple(ObjectiveWeights.__dataclass_fields__)
    weights = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            raise DataError(
                f"{part.strip()!r} is no weight of an objective: say for example "
                "conversion=1,click=0.3,value=0.5"
            ) from None
    unknown = [name for name in weights if name not in names]
    if unknown:
        raise DataError(f"there is no objective {unknown[0]!r}: there are {', '.join(names)}")
    if not all(0 <= weight < np.inf for weight in weights.values()) or not any(weights.values()):
        raise DataError(f"{text!r}: weights are not negative, and one is above 0")
    return weights
