"""The calls that read and change the catalogue."""

from collections.abc import Iterable, Sequence

from recfunnel_client.answers import ItemCounts, ItemPage, ItemsStored, ItemView
from recfunnel_client.bodies import ItemBody, ItemIn
from recfunnel_client.call import Call, Id, listed, path_of


def put_item(item_id: Id, item: ItemBody) -> Call[ItemView]:
    """Create an item, or change the fields that are in ``item``."""
    return Call("PUT", path_of("items", item_id), ItemView, body=item)


def patch_item(item_id: Id, item: ItemBody) -> Call[ItemView]:
    """Change the fields that are in ``item``. An item that does not exist is refused."""
    return Call("PATCH", path_of("items", item_id), ItemView, body=item)


def put_items(items: Iterable[ItemIn], *, partial: bool = False) -> Call[ItemsStored]:
    """Create or change up to 1,000 items at once.

    If one is wrong, nothing is changed. With ``partial`` the others are stored, and ``refused`` of
    the answer lists what is wrong with which.
    """
    params = {"partial": partial}
    return Call("POST", "/items", ItemsStored, params, list(items))


def item(item_id: Id) -> Call[ItemView]:
    """Return an item as it is served."""
    return Call("GET", path_of("items", item_id), ItemView)


def item_counts(item_id: Id) -> Call[ItemCounts]:
    """Return how all users interact with an item."""
    return Call("GET", path_of("items", item_id, "counts"), ItemCounts)


def delete_item(item_id: Id) -> Call[None]:
    """Remove an item from every list, until it is put again."""
    return Call("DELETE", path_of("items", item_id), type(None))


def items_page(
    *,
    prefix: str | None = None,
    title: str | None = None,
    filter: str | None = None,
    fields: Sequence[str] | None = None,
    limit: int | None = None,
) -> Call[ItemPage]:
    """Yield the items that match, in the order of their ids. ``limit`` is that of a page."""
    params = {"prefix": prefix, "title": title, "filter": filter, "limit": limit}
    return Call("GET", "/items", ItemPage, params | {"fields": listed(fields)})
