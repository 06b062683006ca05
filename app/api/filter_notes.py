"""Notes on a filter that is valid but may not mean what its caller thinks."""

from app.catalogue.catalogue import Catalogue
from app.catalogue.tag_lists import unknown_tag_notes
from app.expressions.item_filter import compared_names


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
