"""Likes of users of a segment raise the item for other users of it, over HTTP."""

import orjson
import pytest
import redis

from app.state.event_codec import events_key
from app.state.user_store import attributes_key
from tests.serving import hosted, leisurely

COOKS = 40  # each likes an item twice: the made-up world is small, and the prior 5,000


@pytest.fixture
def service(trained, redis_url):
    with hosted(leisurely(out=trained, redis_url=redis_url)) as fresh:
        yield fresh


def set_attributes(service, user, **attributes):
    answer = service.client.put(f"/users/{user}", json={"attributes": attributes})
    assert answer.status_code == 200, answer.text
    return answer.json()["segments"]


def features(service, user):
    """The features of every item of the longest list of this user, the items in order."""
    items = service.recommend(user, k=100, explore=False, explain=True)["items"]
    return {item["item_id"]: item["explain"]["features"] for item in items}


def likes(item, users, times=20):
    return [
        {"event_id": f"{user}-{item}-{n}", "user_id": user, "item_id": item, "type": "like"}
        for user in users
        for n in range(times)
    ]


def new_cooks(service):
    cooks = [f"new-cook-{n}" for n in range(COOKS)]
    for user in cooks:
        assert set_attributes(service, user, occupation="cook")["occupation"] == "cook"
    set_attributes(service, "asks-as-cook", occupation="cook")
    set_attributes(service, "asks-as-judge", occupation="judge")
    return cooks


def test_recent_likes_of_a_segment_raise_the_item_for_a_new_user_of_it(service):
    cooks = new_cooks(service)
    cook, judge = features(service, "asks-as-cook"), features(service, "asks-as-judge")
    liked = [name for name in cook if name in judge][:6]
    service.tell(*(event for item in liked for event in likes(item, cooks, 2)))
    moved, other = features(service, "asks-as-cook"), features(service, "asks-as-judge")
    listed = [item for item in liked if item in moved and item in other]
    assert listed  # the rankers may drop some of them
    for item in listed:
        assert moved[item]["segment_lift"] > cook[item]["segment_lift"] + 0.002
        assert other[item]["segment_lift"] <= judge[item]["segment_lift"] + 1e-3
    item = liked[0]
    by_cooks = service.client.get(f"/items/{item}/counts").json()["segments"]["occupation"]
    assert by_cooks["cook"] == pytest.approx(2 * COOKS, rel=0.01)
    assert by_cooks["judge"] == 0.0


def test_an_erased_user_leaves_no_attribute_in_the_stream(service):
    (user, *_) = new_cooks(service)
    service.tell(*likes("i5", [user], 2))
    store = service.service.settings
    with redis.Redis.from_url(store.redis_url) as client:
        key = events_key(store.key_prefix)
        (first, _) = [orjson.loads(fields[b"e"]) for _, fields in client.xrange(key)]
        assert first[9] == {"occupation": "cook"}
        assert service.client.delete(f"/users/{user}").status_code == 200
        assert not client.xlen(key)
        assert not client.exists(attributes_key(store.key_prefix, user))
