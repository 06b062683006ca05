"""What callers send. Generated from the OpenAPI description."""

from typing import TypedDict


class InlineEventRequired(TypedDict):
    """The keys that ``InlineEvent`` must have."""

    item_id: str | int


class InlineEvent(InlineEventRequired, total=False):
    """One event of a session. A list of them has the newest first."""

    type: str
    value: float | None
    timestamp: float | str | None


class EventInRequired(TypedDict):
    """The keys that ``EventIn`` must have."""

    item_id: str | int
    user_id: str | int


class EventIn(EventInRequired, total=False):
    """One thing that a user did."""

    type: str
    value: float | None
    timestamp: float | str | None
    event_id: str | None
    request_id: str | None
    position: int | None
    context: dict[str, bool | float | str]


class ItemBody(TypedDict, total=False):
    """The fields to set for an item. An absent field stays; null restores the bundle's value."""

    title: str | None
    text: str | None
    categories: list[str] | None
    provider: str | None
    released: float | None
    flags: list[str] | None
    is_available: bool | None
    attributes: dict[str, bool | float | str | None] | None


class ItemInRequired(TypedDict):
    """The keys that ``ItemIn`` must have."""

    item_id: str | int


class ItemIn(ItemInRequired, total=False):
    """An item, and the fields to set for it."""

    title: str | None
    text: str | None
    categories: list[str] | None
    provider: str | None
    released: float | None
    flags: list[str] | None
    is_available: bool | None
    attributes: dict[str, bool | float | str | None] | None


class UserInRequired(TypedDict):
    """The keys that ``UserIn`` must have."""

    attributes: dict[str, bool | float | str]
    user_id: str | int


class UserIn(UserInRequired, total=False):
    """A user, and all attributes of the user from now on."""
