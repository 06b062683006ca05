"""Items that callers put over HTTP, in the catalogue that is trained."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.catalogue.tag_lists import TagLists
from app.live_catalogue.live_items import ItemRecord
from offline.data.items import build_providers, frequent_categories


def describe_live_items(catalogue: Catalogue, records: Sequence[ItemRecord]) -> Catalogue:
    """Return the catalogue with what the records say; items without a row are left out.

    What a record does not set stays. The services apply the records once more, so that a change
    during the training is not lost.
    """
    rows = catalogue.ids.rows([record.item_id for record in records]).tolist()
    placed = [(row, record) for row, record in zip(rows, records, strict=True) if row >= 0]
    if not placed:
        return catalogue
    titles, released = catalogue.titles.tolist(), catalogue.released.copy()
    names = catalogue.provider_names.tolist()
    providers = [names[code] if code >= 0 else None for code in catalogue.providers.tolist()]
    before = catalogue.descriptions
    nothing: list[str | None] = [None] * len(catalogue)
    descriptions = before.tolist() if before else nothing
    for row, record in placed:
        descriptions[row] = descriptions[row] if record.text is None else record.text
        titles[row] = titles[row] if record.title is None else record.title
        released[row] = released[row] if record.released is None else record.released
        providers[row] = providers[row] if record.provider is None else record.provider
    codes, provider_names = build_providers(providers)
    categories = _replace_tags(catalogue.category_lists, placed, lambda item: item.categories)
    marks, frequent = frequent_categories(categories)
    return replace(
        catalogue,
        titles=Texts.of(titles),
        descriptions=Texts.of(descriptions) if any(descriptions) else None,
        released=released,
        providers=codes,
        provider_names=provider_names,
        categories=marks,
        category_names=frequent,
        category_lists=categories,
        flags=_replace_tags(catalogue.flags, placed, lambda item: item.flags),
    )


def _replace_tags(
    lists: TagLists,
    records: Iterable[tuple[int, ItemRecord]],
    tags_of: Callable[[ItemRecord], Sequence[str] | None],
) -> TagLists:
    """Return the lists with the tags of those records that set any."""
    changed = {row: tags for row, item in records if (tags := tags_of(item)) is not None}
    if not changed:
        return lists
    n = len(lists.indptr) - 1
    rows = np.repeat(np.arange(n), np.diff(lists.indptr))
    stays = ~np.isin(rows, list(changed))
    new = [(row, tag) for row, tags in changed.items() for tag in dict.fromkeys(tags)]
    kept = lists.names.names(np.unique(lists.codes[stays]))
    names = IdIndex.of([*kept, *(tag for _, tag in new)])
    recoded = names.rows(lists.every_name())
    return TagLists.of_pairs(
        np.concatenate([rows[stays], np.array([row for row, _ in new], np.int64)]),
        np.concatenate([recoded[lists.codes[stays]], names.rows([tag for _, tag in new])]),
        names,
        n,
    )
