"""The traffic of a load test, and the report of one."""

import json

import pytest
from rich.console import Console

from loadtest.open_loop import OpenLoopPlan
from loadtest.report import LoadSummary, LoadTally, print_summaries
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


def test_percentiles_are_of_lists_and_events_only_count_as_requests():
    tally = LoadTally("a run")
    for ms in range(1, 101):
        tally.count_list(ms / 1000, {"degraded": [1] if ms <= 5 else []})
    tally.count_event()
    tally.count_failure("trained: 503")
    summary = tally.summarise(seconds=2.0)
    assert (summary.requests, summary.failures, summary.rate) == (102, 1, 50.5)
    assert summary.degraded == 0.05
    assert summary.reasons == {"trained: 503": 1}
    assert [summary.p50, summary.max] == pytest.approx([50.5, 100])


def test_the_table_names_the_run_that_missed_the_budget(capsys):
    good = LoadSummary("closed", 10, 0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
    bad = LoadSummary("open", 10, 0, 1.0, 0.0, 1.0, 2.0, 300.0, 400.0, {"events: 503": 2})
    assert print_summaries([good], 100, Console())
    assert not print_summaries([good, bad], 100, Console(width=120))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "MISSED" in line] == ["open"]
    assert "open: 2 x events: 503" in lines


def test_one_failure_in_a_fast_run_misses_the_budget():
    tally = LoadTally("fast")
    tally.count_list(0.001, {"degraded": []})
    assert tally.summarise(1.0).meets_budget(100)
    tally.count_failure("trained: 500")
    assert not tally.summarise(1.0).meets_budget(100)


def test_a_run_without_answers_misses_the_budget():
    assert not LoadTally("nothing").summarise(1.0).meets_budget(100)
