"""Find filters and blocks that are valid but may not mean what their caller thinks."""

from collections.abc import Iterator
from difflib import get_close_matches

from app.catalogue.catalogue import Catalogue
from app.catalogue.tag_lists import unknown_tag_notes
from app.contracts import Blocked
from app.expressions.item_filter import compared_names

MAX_COMPARED = 2_000  # providers that are compared with a misspelt one: some milliseconds


def filter_notes(catalogue: Catalogue, text: str) -> list[str]:
    """Return a sentence for each category and flag of a filter that no item has.

    Such a filter is not refused: the last item of a category may have just been deleted.
    """
    lists = {"category": catalogue.category_lists, "flag": catalogue.flags}
    return [
        note
        for attribute, tags in lists.items()
        for note in unknown_tag_notes(tags, compared_names(text, attribute), attribute)
    ]


def blocked_notes(catalogue: Catalogue, blocked: Blocked) -> list[str]:
    """Return a sentence for each blocked category, provider and item that the catalogue lacks.

    They are not refused: they hold for items that come later.
    """
    items = (item for item in blocked.items if catalogue.ids.row(item) < 0)
    return [
        *unknown_tag_notes(catalogue.category_lists, blocked.categories, "category"),
        *_unknown_providers(catalogue, blocked.providers),
        *(f'there is no item "{item}"' for item in items),
    ]


def _unknown_providers(catalogue: Catalogue, names: tuple[str, ...]) -> Iterator[str]:
    if not names:
        return
    existing = [name for name in catalogue.provider_names.tolist() if name]
    for name in set(names) - set(existing):
        near = " or ".join(f'"{one}"' for one in get_close_matches(name, existing[:MAX_COMPARED]))
        hint = f"; did you mean {near}?" if near else ""
        yield f'no item has the provider "{name}"{hint}'
