"""Boosts of a request, such as ``0.3 if category == "drama"``: an amount, and whom it is for."""

import re
from dataclasses import dataclass

from app.catalogue.attributes import ColumnKinds
from app.expressions.item_filter import Condition, FilterError, parse_filter

MAX_BOOSTS = 10  # of one request
MAX_AMOUNT = 10.0
MAX_BOOST_LENGTH = 520  # characters: a filter, and an amount before it
EXAMPLE = '0.3 if category == "drama"'
# The digits are bounded, so that no text takes long to refuse.
FORM = re.compile(r"\s*([+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}))\s+if\s+(\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Boost:
    """What is added to the utility of each item for which the condition is true."""

    amount: float  # 1 is the distance from the worst to the best candidate
    condition: Condition
    filter: str  # the text of the condition


def parse_boost(text: str, kinds: ColumnKinds = ()) -> Boost:
    """Read a boost over catalogues that have the built-in names and ``kinds``.

    Raises:
        FilterError: the text is no boost, or its condition is no filter; the text says why.
    """
    form = FORM.fullmatch(text)
    if not form:
        raise FilterError(
            f"the boost {text[:60]!r} cannot be read; write an amount, if, and a filter, "
            f"for example {EXAMPLE}"
        )
    amount = float(form[1])
    if abs(amount) > MAX_AMOUNT:
        raise FilterError(
            f"the amount of a boost is {form[1]}, and must be from {-MAX_AMOUNT:g} to "
            f"{MAX_AMOUNT:g}; 1 is the distance from the worst to the best candidate"
        )
    return Boost(amount, parse_filter(form[2], kinds), form[2])
