import json

import pytest

from loadtest.open_loop import OpenLoopPlan
from loadtest.traffic import Traffic


def test_arrivals_are_poisson_seeded_and_within_the_time():
    arrivals = OpenLoopPlan(rate=200, seconds=20).draw_arrivals()
    assert arrivals == OpenLoopPlan(rate=200, seconds=20).draw_arrivals()
    assert arrivals == sorted(arrivals)
    assert 0 < arrivals[0] < arrivals[-1] < 20
    assert len(arrivals) == pytest.approx(4000, rel=0.1)


def test_the_mix_has_trained_new_and_anonymous_users_and_events_after_some_answers():
    traffic = Traffic(seed=3)
    calls = [traffic.next_request() for _ in range(2000)]
    share = {kind: sum(c.kind == kind for c in calls) / 2000 for kind in {c.kind for c in calls}}
    assert share == pytest.approx({"trained": 0.7, "new": 0.1, "anonymous": 0.2}, abs=0.05)
    users = {int(call.user) for call in calls if call.kind == "trained"}
    assert 1 <= min(users) <= max(users) <= 943
    session = next(json.loads(call.body) for call in calls if call.kind == "anonymous")
    assert session["history"]
    assert "user_id" not in session
    answer = {"request_id": "r", "items": [{"item_id": "50"}]}
    events = [traffic.next_event(call, answer) for call in calls]
    assert sum(event is not None for event in events) / 1600 == pytest.approx(0.3, abs=0.05)
    body = json.loads(next(event for event in events if event).body)
    assert (body["item_id"], body["request_id"]) == ("50", "r")
