"""The clients of Gorse, as their users install them, against a service that answers Gorse's API."""

import asyncio
import json

import gorse
import pytest

from tests.conftest import ROOT
from tests.integration.clients.conftest import KEY, READ_KEY
from tests.node import require_node, require_packages, run_node

FOLDER = ROOT / "tests/integration/clients/gorsejs"
DAY = "2026-03-04T05:06:07Z"


def row(kind, user, item, **more):
    return {"FeedbackType": kind, "UserId": user, "ItemId": item, "Timestamp": DAY} | more


def stored(kind, user, item, value):
    return row(kind, user, item, Value=value, Updated=DAY, Comment="")


def test_every_call_of_pygorse_for_users_and_items_works(url):
    client, user, item = gorse.Gorse(url, KEY), "py-user", "py-item"
    assert client.insert_user({"UserId": user, "Labels": {"city": "Graz"}}) == {"RowAffected": 1}
    assert client.insert_users([{"UserId": "py-other"}]) == {"RowAffected": 1}
    assert client.get_user(user) == {"UserId": user, "Labels": {"city": "Graz"}, "Comment": ""}
    first, cursor = client.get_users(2)
    assert [each["UserId"] for each in client.get_users(1, cursor)[0]] > [first[-1]["UserId"]]
    assert client.insert_item({"ItemId": item, "Categories": ["py"], "Comment": "Harbour light"})
    assert client.update_item(item, labels=["a"], timestamp=DAY) == {"RowAffected": 1}
    known = client.get_item(item)
    assert (known["Labels"], known["Timestamp"], known["Categories"]) == (["a"], DAY, ["py"])
    assert client.search_items("harbour", 5) == [known]
    items, cursor = client.get_items(3)
    assert len(items) == 3
    assert cursor
    assert client.delete_item(item) == {"RowAffected": 1}
    assert client.delete_user(user) == {"RowAffected": 1}
    with pytest.raises(gorse.GorseException) as unknown:
        client.get_user(user)
    assert (unknown.value.status_code, unknown.value.message) == (404, f"there is no user {user}")


def test_every_call_of_pygorse_for_feedback_and_lists_works(url):
    client, user, item = gorse.Gorse(url, KEY), "py-reader", "py-film"
    client.insert_item({"ItemId": item, "Categories": ["film"]})
    assert client.insert_feedback("like", user, "i1", DAY, 2.0) == {"RowAffected": 1}
    assert client.insert_feedbacks([row("view", user, "i2"), row("like", user, "i1", Value=1.0)])
    assert client.list_feedbacks("like", user) == [stored("like", user, "i1", 3)]
    page, cursor = client.get_feedbacks(1)
    assert len(page) == 1
    assert client.get_feedbacks(1, cursor)[0] != page
    listed = client.get_recommend(user, n=5)
    assert [type(each) for each in listed] == [gorse.Score] * 5
    assert not {"i1", "i2"} & {each.id for each in listed}
    assert [each.id for each in client.get_recommend(user, "film")] == [item]
    assert [each.id for each in client.get_recommend(user, n=5, offset=5)] != []
    written = client.get_recommend(user, n=1, write_back_type="read", write_back_delay="0s")[0].id
    whole = {each.id for each in client.get_recommend(user, n=500)}
    assert len(whole) == 100  # k_max
    assert written not in whole
    assert len(client.session_recommend([row("like", "s", "i1")], 4)) == 4
    assert len(client.get_neighbors("i1", 3)) == 3
    assert client.delete_feedback(user, "i1") == {"RowAffected": 1}
    assert client.list_feedbacks("like", user) == []
    client.delete_item(item)
    client.delete_user(user)


def test_the_client_of_pygorse_for_event_loops_works(url):
    async def journey():
        client, user = gorse.AsyncGorse(url, KEY), "py-async"
        await client.insert_user({"UserId": user})
        await client.insert_feedback("like", user, "i5", DAY)
        assert await client.list_feedbacks("like", user) == [stored("like", user, "i5", 0)]
        scores = await client.get_recommend(user, n=3)
        assert len(scores) == 3
        assert "i5" not in {each.id for each in scores}
        with pytest.raises(gorse.GorseException) as wrong:
            await gorse.AsyncGorse(url, "rf_wrong").get_user(user)
        assert wrong.value.status_code == 401
        await client.delete_user(user)

    asyncio.run(journey())


def test_a_wrong_key_is_refused_and_health_needs_none(url):
    with pytest.raises(gorse.GorseException) as wrong:
        gorse.Gorse(url, "rf_wrong").get_item("i1")
    assert wrong.value.status_code == 401
    assert wrong.value.message == "the API key is unknown or has expired"


def test_a_key_that_may_read_sees_lists_and_changes_nothing(url):
    reader = gorse.Gorse(url, READ_KEY)
    assert len(reader.get_recommend("u1", n=3)) == 3
    assert len(reader.get_neighbors("i1", 3)) == 3
    assert reader.get_item("i1")["ItemId"] == "i1"
    for call in (
        lambda: reader.get_recommend("u1", write_back_type="read"),
        lambda: reader.insert_feedback("like", "u1", "i1", DAY),
        lambda: reader.insert_item({"ItemId": "i1"}),
        lambda: reader.get_user("u1"),
        lambda: reader.list_feedbacks("like", "u1"),
        lambda: reader.delete_user("u1"),
    ):
        with pytest.raises(gorse.GorseException) as refused:
            call()
        assert refused.value.status_code == 403
        assert "role" in refused.value.message


def test_every_call_of_gorsejs_works(url):
    require_packages(FOLDER / "node_modules")
    seen = json.loads(run_node(require_node(), FOLDER / "journey.mjs", url, KEY))
    user, item = "js-user", "js-item"
    assert (seen["insertUser"], seen["insertUsers"], seen["updateUser"]) == (1, 2, 1)
    assert seen["getUser"] == {"UserId": user, "Labels": ["a"], "Comment": "d"}
    assert len(seen["getUsers"]["Users"]) == 2
    assert seen["upsertItem"] == seen["upsertItems"] == seen["updateItem"] == 1
    assert seen["insertItemCategory"] == seen["deleteItemCategory"] == 1
    assert seen["getItem"] == {
        "ItemId": item,
        "IsHidden": False,
        "Categories": ["js"],
        "Timestamp": DAY,
        "Labels": None,
        "Comment": "Harbour",
    }
    assert len(seen["getItems"]["Items"]) == 2
    assert (seen["insertFeedbacks"], seen["upsertFeedbacks"]) == (2, 1)
    assert seen["getFeedback"] == stored("like", user, "i1", 1)
    assert len(seen["getFeedbacks"]["Feedback"]) == len(seen["getAllFeedbacks"]["Feedback"]) == 1
    assert seen["deleteFeedback"] == {"RowAffected": 1}
    assert len(seen["getRecommend"]) == 5
    assert seen["getRecommendCategory"] == [item]
    assert len(seen["getRecommendWrittenBack"]) == 1
    assert len(seen["getSessionRecommend"]) == 3
    assert [each["Id"] for each in seen["getLatest"]] == [item]
    for name in ("getPopular", "getItemNeighbors", "getUserNeighbors"):
        assert [list(each) for each in seen[name]] == [["Id", "Score"]] * 3
    assert seen["deleteItem"] == seen["deleteUser"] == 1
    assert seen["unknownUser"] == ["GorseException", 404, f"there is no user {user}"]
