"""The calls that read and change what is known of users."""

from collections.abc import Iterable, Mapping, Sequence

from recfunnel_client.answers import (
    BlockedBody,
    BlockedReply,
    ErasureBody,
    EventsAccepted,
    HistoryBody,
    OnboardingList,
    UserAttributes,
    UserFriends,
    UserPage,
    UsersStored,
    UserView,
)
from recfunnel_client.bodies import UserIn
from recfunnel_client.call import Call, Id, listed, path_of, texts

Attribute = str | float | bool


def put_user(user_id: Id, attributes: Mapping[str, Attribute]) -> Call[UserAttributes]:
    """Replace all attributes of a user."""
    body = {"attributes": dict(attributes)}
    return Call("PUT", path_of("users", user_id), UserAttributes, body=body)


def patch_user(user_id: Id, attributes: Mapping[str, Attribute | None]) -> Call[UserAttributes]:
    """Set some attributes of a user, and keep the others. None removes one."""
    body = {"attributes": dict(attributes)}
    return Call("PATCH", path_of("users", user_id), UserAttributes, body=body)


def put_users(users: Iterable[UserIn], *, partial: bool = False) -> Call[UsersStored]:
    """Replace the attributes of up to 1,000 users. ``partial`` is as in ``put_items``."""
    return Call("POST", "/users", UsersStored, {"partial": partial}, list(users))


def user(user_id: Id, *, events: int | None = None) -> Call[UserView]:
    """Return what is known of a user, with so many of the newest events."""
    return Call("GET", path_of("users", user_id), UserView, {"events": events})


def user_history(user_id: Id, *, limit: int | None = None) -> Call[HistoryBody]:
    """Return the newest events that the lists of a user rest on: live ones, and the bundle's."""
    return Call("GET", path_of("users", user_id, "history"), HistoryBody, {"limit": limit})


def delete_user(user_id: Id) -> Call[ErasureBody]:
    """Erase a user, and return the receipt."""
    return Call("DELETE", path_of("users", user_id), ErasureBody)


def erasure(erasure_id: str) -> Call[ErasureBody]:
    """Return the receipt of an erasure as it is now."""
    return Call("GET", path_of("erasures", erasure_id), ErasureBody)


def users_page(*, prefix: str | None = None, limit: int | None = None) -> Call[UserPage]:
    """Yield the users whose ids begin with ``prefix``. ``limit`` is that of a page, about."""
    return Call("GET", "/users", UserPage, {"prefix": prefix, "limit": limit})


def put_friends(user_id: Id, friends: Sequence[Id]) -> Call[UserFriends]:
    """Replace the friends of a user."""
    body = {"friends": texts(friends)}
    return Call("PUT", path_of("users", user_id, "friends"), UserFriends, body=body)


def put_blocked(
    user_id: Id,
    *,
    items: Sequence[Id] = (),
    providers: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> Call[BlockedReply]:
    """Replace all that a user blocks. What is not named is blocked no more."""
    body = {
        "items": texts(items),
        "providers": listed(providers),
        "categories": listed(categories),
    }
    return Call("PUT", path_of("users", user_id, "blocked"), BlockedReply, body=body)


def blocked(user_id: Id) -> Call[BlockedBody]:
    """Return what a user blocks."""
    return Call("GET", path_of("users", user_id, "blocked"), BlockedBody)


def onboarding(
    n: int | None = None, *, scene: str | None = None, fields: Sequence[str] | None = None
) -> Call[OnboardingList]:
    """Return items to ask a new user about."""
    options = {"n": n, "scene": scene, "fields": listed(fields)}
    return Call("GET", "/onboarding", OnboardingList, options)


def send_picks(
    user_id: Id, *, liked: Sequence[Id] = (), disliked: Sequence[Id] = ()
) -> Call[EventsAccepted]:
    """Store what a new user picked. A pick that is sent again counts once."""
    body = {"liked": texts(liked), "disliked": texts(disliked)}
    return Call("POST", path_of("users", user_id, "onboarding"), EventsAccepted, body=body)
