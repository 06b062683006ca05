"""Find filters and blocks that are valid but may not mean what their caller thinks."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import partial

from app.catalogue.catalogue import Catalogue
from app.catalogue.unknown_names import UnknownNames
from app.contracts import Blocked
from app.expressions.item_filter import compared_names

MAX_COMPARED = 2_000  # providers that are compared with a misspelt one: some milliseconds
MAX_MISSING_ITEMS = 20  # blocked items that do not exist, with a sentence each


def filter_notes(catalogue: Catalogue, texts: Iterable[str]) -> list[str]:
    """Return a sentence for each category and flag of a request's filters that no item has.

    Such a filter is not refused: the last item of a category may have just been deleted.
    """
    lists = {"category": catalogue.category_lists, "flag": catalogue.flags}
    unknown = UnknownNames()
    for text in texts:
        for attribute, tags in lists.items():
            unknown.add_tags(tags, compared_names(text, attribute), attribute)
    return unknown.notes()


def blocked_notes(catalogue: Catalogue, blocked: Blocked) -> list[str]:
    """Return a sentence for each blocked category, provider and item that the catalogue lacks.

    They are not refused: they hold for items that come later.
    """
    unknown = UnknownNames()
    unknown.add_tags(catalogue.category_lists, blocked.categories, "category")
    _add_unknown_providers(unknown, catalogue, blocked.providers)
    items = [item for item in blocked.items if catalogue.ids.row(item) < 0]
    missing = [f'there is no item "{item}"' for item in items[:MAX_MISSING_ITEMS]]
    n = len(items) - len(missing)
    return [*unknown.notes(), *missing, *([f"{n} more items do not exist"] if n else ())]


def _add_unknown_providers(
    unknown: UnknownNames, catalogue: Catalogue, names: Sequence[str]
) -> None:
    if not names:
        return
    existing = [name for name in catalogue.provider_names.tolist() if name]
    nearest = partial(get_close_matches, possibilities=existing[:MAX_COMPARED])
    missing = set(names) - set(existing)
    for name in names:
        if name in missing:
            unknown.add("provider", name, nearest)
