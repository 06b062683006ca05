"""The calls for lists: for a user, for candidates of the caller, and for nobody in particular.

Parameters have the names, the meaning and the defaults of the service: see its page of HTTP.
"""

from collections.abc import Sequence
from typing import Any, Literal

from recfunnel_client.answers import (
    AnswerBody,
    ItemExplanation,
    ItemListBody,
    RankAnswer,
    SimilarBody,
    TogetherBody,
)
from recfunnel_client.bodies import InlineEvent
from recfunnel_client.call import Call, Id, listed, path_of, texts, without_absent

LONG_EXCLUDE = 50  # more ids than this go into a body: a URL has a bound


def recommend(
    user_id: Id | None = None,
    *,
    k: int | None = None,
    scene: str | None = None,
    filter: str | None = None,
    fields: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
    explore: bool | None = None,
    boost: Sequence[str] | None = None,
    pin: Sequence[str] | None = None,
    history: Sequence[InlineEvent] | None = None,
    explain: bool | None = None,
    contributions: bool | None = None,
    why: Id | None = None,
    page_token: str | None = None,
    preview: bool | None = None,
) -> Call[AnswerBody]:
    """Return the items that a user should see now, best first.

    A list of ``preview`` does not count as shown.
    ``history`` is that of a session, the newest event first, and stands for the stored one.
    ``page_token`` is that of the page before.
    """
    user = None if user_id is None else str(user_id)
    options = without_absent(
        user_id=user,
        k=k,
        scene=scene,
        filter=filter,
        fields=listed(fields),
        exclude=texts(exclude),
        explore=explore,
        boost=listed(boost),
        pin=listed(pin),
        explain=explain,
        contributions=contributions,
        preview=preview,
        why=None if why is None else str(why),
        page_token=page_token,
    )
    if user is None or history or page_token or len(exclude or ()) > LONG_EXCLUDE:
        body = options | without_absent(history=listed(history))
        return Call("POST", "/recommend", AnswerBody, body=body)
    return Call("GET", "/recommend", AnswerBody, options)


def rank(
    user_id: Id | None,
    items: Sequence[Id],
    *,
    k: int | None = None,
    scene: str | None = None,
    filter: str | None = None,
    fields: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
    explore: bool | None = None,
    boost: Sequence[str] | None = None,
    pin: Sequence[str] | None = None,
    history: Sequence[InlineEvent] | None = None,
    explain: bool | None = None,
) -> Call[RankAnswer]:
    """Return up to 1,000 items of the caller in the order in which a user should see them."""
    body = without_absent(
        user_id=None if user_id is None else str(user_id),
        items=listed(items),
        k=k,
        scene=scene,
        filter=filter,
        fields=listed(fields),
        exclude=texts(exclude),
        explore=explore,
        boost=listed(boost),
        pin=listed(pin),
        history=listed(history),
        explain=explain,
    )
    return Call("POST", "/rank", RankAnswer, body=body)


def similar(
    item_id: Id,
    *,
    by: Literal["behaviour", "content"] | None = None,
    k: int | None = None,
    scene: str | None = None,
    filter: str | None = None,
    fields: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
    explain: bool | None = None,
) -> Call[SimilarBody]:
    """Return items that resemble an item, by what the same users liked or by content."""
    params = _list_params(k, scene, filter, fields, exclude)
    params |= without_absent(by=by, explain=explain)
    return Call("GET", path_of("items", item_id, "similar"), SimilarBody, params)


def bought_together(
    item_id: Id,
    *,
    k: int | None = None,
    scene: str | None = None,
    filter: str | None = None,
    fields: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
) -> Call[TogetherBody]:
    """Return items that users bought in the same visit as an item."""
    params = _list_params(k, scene, filter, fields, exclude)
    return Call("GET", path_of("items", item_id, "bought-together"), TogetherBody, params)


def popular(
    *,
    category: str | None = None,
    segment: Sequence[str] | None = None,
    k: int | None = None,
    scene: str | None = None,
    filter: str | None = None,
    fields: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
    explain: bool | None = None,
) -> Call[ItemListBody]:
    """Return what is liked most over months. ``segment`` is such as ``["age:24-28"]``."""
    params = _list_params(k, scene, filter, fields, exclude)
    params |= without_absent(category=category, segment=listed(segment), explain=explain)
    return Call("GET", "/popular", ItemListBody, params)


def trending(
    *,
    category: str | None = None,
    segment: Sequence[str] | None = None,
    k: int | None = None,
    scene: str | None = None,
    filter: str | None = None,
    fields: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
    explain: bool | None = None,
) -> Call[ItemListBody]:
    """Return what is liked most over days. ``segment`` is such as ``["age:24-28"]``."""
    params = _list_params(k, scene, filter, fields, exclude)
    params |= without_absent(category=category, segment=listed(segment), explain=explain)
    return Call("GET", "/trending", ItemListBody, params)


def explain(
    user_id: Id,
    item_id: Id,
    *,
    k: int | None = None,
    scene: str | None = None,
    filter: str | None = None,
    fields: Sequence[str] | None = None,
    exclude: Sequence[Id] | None = None,
    explore: bool | None = None,
    boost: Sequence[str] | None = None,
    pin: Sequence[str] | None = None,
) -> Call[ItemExplanation]:
    """Return where an item drops out of the list that a user would get now, and why."""
    params = _list_params(k, scene, filter, fields, exclude) | without_absent(
        explore=explore, boost=listed(boost), pin=listed(pin)
    )
    params |= {"user_id": str(user_id), "item_id": str(item_id)}
    return Call("GET", "/explain", ItemExplanation, params)


def _list_params(
    k: int | None,
    scene: str | None,
    query_filter: str | None,
    fields: Sequence[str] | None,
    exclude: Sequence[Id] | None,
) -> dict[str, Any]:
    """Return the parameters that all lists have."""
    return without_absent(
        k=k, scene=scene, filter=query_filter, fields=listed(fields), exclude=texts(exclude)
    )
