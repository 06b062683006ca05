"""Items that a request puts at fixed positions: ``1:50`` is the item 50 at the first position."""

import re
from collections.abc import Iterator, Sequence

from app.catalogue.catalogue import Catalogue
from app.catalogue.public_ids import MAX_ID_BYTES, public_id_fault

MAX_PINS = 20  # of one request
MAX_PIN_LENGTH = MAX_ID_BYTES + 5  # characters
FORM = re.compile(r"([1-9]\d{0,3}):(.+)", re.DOTALL)


def read_pins(texts: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """Return the position and the item of each valid pin."""
    forms = (FORM.fullmatch(text) for text in texts)
    return tuple((int(form[1]), form[2]) for form in forms if form)


def pin_faults(texts: Sequence[str], catalogue: Catalogue, k_max: int) -> Iterator[str]:
    """Yield a sentence for each fault of the pins."""
    positions: set[int] = set()
    items: set[str] = set()
    for text in texts:
        form = FORM.fullmatch(text)
        fault = public_id_fault(form[2]) if form else None
        if not form:
            yield f"the pin {text[:60]!r} is no position from 1 and item, such as 1:50"
        elif fault:
            yield f"the item of the pin {text[:60]!r} {fault}"
        elif int(form[1]) > k_max:
            yield f"the pin {text[:60]!r} has the position {form[1]}, the last one is {k_max}"
        elif int(form[1]) in positions or form[2] in items:
            yield f"the pin {text[:60]!r} repeats a position or an item of another one"
        elif catalogue.ids.row(form[2]) < 0:
            yield f"there is no item {form[2][:60]!r} to pin"
        else:
            positions.add(int(form[1]))
            items.add(form[2])


def pin_notes(
    pins: Sequence[tuple[int, str]], shown: Sequence[str], offset: int, k: int
) -> list[str]:
    """Return a sentence for each pin of this page whose item is not shown.

    Args:
        pins: position, from 1 over all pages, and item.
        shown: the items of this page.
        offset: items on earlier pages.
        k: items of this page.
    """
    return [
        f"the item {item!r} is not at position {position}: it is not available, or a filter, a "
        "block, an exclusion or the user's history keeps it out"
        for position, item in pins
        if offset < position <= offset + k and item not in shown
    ]
