"""What users of a segment like a moment ago rises for others of it, over HTTP."""

import orjson
import pytest
import redis

from app.state.event_codec import events_key
from app.state.user_store import attributes_key
from tests.conftest import hosted, leisurely

WARDS = 40  # likes in all of one item: the made-up world is small, and the prior 5,000


@pytest.fixture
def service(trained, redis_url):
    with hosted(leisurely(out=trained, redis_url=redis_url)) as fresh:
        yield fresh


def tell_of(service, user, **attributes):
    answer = service.client.put(f"/users/{user}", json={"attributes": attributes})
    assert answer.status_code == 200, answer.text
    return answer.json()["segments"]


def lifts(service, user):
    """Segment lift of every item of the longest list of this user, and the items in order."""
    items = service.recommend(user, k=100, explore=False, explain=True)["items"]
    return {item["item_id"]: item["explain"]["features"]["segment_lift"] for item in items}


def likes(item, users, times=20):
    return [
        {"event_id": f"{user}-{n}", "user_id": user, "item_id": item, "type": "like"}
        for user in users
        for n in range(times)
    ]


def told_newcomers(service):
    cooks = [f"new-cook-{n}" for n in range(WARDS)]
    for user in cooks:
        assert tell_of(service, user, occupation="cook")["occupation"] == "cook"
    tell_of(service, "asks-as-cook", occupation="cook")
    tell_of(service, "asks-as-judge", occupation="judge")
    return cooks


def test_a_newcomer_sees_rise_what_others_of_the_told_segment_liked_a_moment_ago(service):
    cooks = told_newcomers(service)
    cook, judge = lifts(service, "asks-as-cook"), lifts(service, "asks-as-judge")
    item = [name for name in cook if name in judge][len(cook) // 2]
    service.tell(*likes(item, cooks))
    moved, other = lifts(service, "asks-as-cook"), lifts(service, "asks-as-judge")
    assert moved[item] > cook[item] + 0.02
    assert other[item] <= judge[item] + 1e-3
    assert list(moved).index(item) < list(cook).index(item)
    by_cooks = service.client.get(f"/items/{item}/counts").json()["segments"]["occupation"]
    assert by_cooks["cook"] == pytest.approx(20 * WARDS, rel=0.01)
    assert by_cooks["judge"] == 0.0


def test_who_was_forgotten_leaves_no_attribute_in_the_stream(service):
    (user, *_) = told_newcomers(service)
    service.tell(*likes("i5", [user], 2))
    store = service.service.settings
    with redis.Redis.from_url(store.redis_url) as link:
        key = events_key(store.key_prefix)
        (first, _) = [orjson.loads(fields[b"e"]) for _, fields in link.xrange(key)]
        assert first[9] == {"occupation": "cook"}
        assert service.client.delete(f"/users/{user}").status_code == 200
        assert not link.xlen(key)
        assert not link.exists(attributes_key(store.key_prefix, user))
