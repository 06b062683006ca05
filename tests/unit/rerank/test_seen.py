"""Which events hide their item from their user, and for how long."""

from dataclasses import replace

import numpy as np
import pytest

from app.contracts import NO_HISTORY
from app.event_weights import EventWeights, type_code
from app.query_builder import QueryBuilder, join_histories
from app.rerank.filters import PolicyFilters
from app.rerank.policies import SceneSettings
from app.rerank.seen import DEFAULT_RULES, SeenError, SeenRule, seen_rules
from app.state.event_interpreter import EventInterpreter
from offline.data.readers import load_dataset
from offline.models.registry import build_users
from offline.training.past_requests import find_active_users
from tests.fakes import START, history, request, small_models

DAY = 86_400.0
MODELS = small_models()
NOW = MODELS.popularity.at


def typed(*events):
    """A history of events (item row, type, weight, age in days), newest first."""
    plain = history(*((row, 1, weight, NOW - age * DAY) for row, _, weight, age in events))
    codes = np.array([type_code(kind) for _, kind, _, _ in events], np.int32)
    return replace(plain, types=codes)


def build(seen, events):
    class Now:
        now = NOW

        @staticmethod
        def offsets():
            return None

    filters = PolicyFilters(MODELS.catalogue, SceneSettings(seen=seen))
    return QueryBuilder(MODELS, Now, filters).build(request("nobody", inline=events), NO_HISTORY)


EVENTS = typed(
    (1, "view", 0.2, 0.5),
    (2, "view", 0.2, 2),
    (3, "purchase", 2, 10),
    (4, "purchase", 2, 40),
    (5, "like", 1, 900),
    (6, "dislike", -1, 900),
)


@pytest.mark.parametrize(
    ("seen", "hidden"),
    [
        ({}, [1, 3, 4, 5, 6]),
        ({"purchase": "30d", "view": "keep"}, [3, 5, 6]),
        ({"purchase": "6w", "view": "36h"}, [1, 3, 4, 5, 6]),
        ({"view": "forever", "default": "keep"}, [1, 2, 6]),
        ({"view": "hide", "purchase": "demote", "like": "keep"}, [1, 2, 6]),
        ("drop", [1, 2, 3, 4, 5, 6]),
        ("keep", [6]),
        ("demote", [6]),
        ("11d", [1, 2, 3, 6]),
    ],
)
def test_an_event_hides_its_item_by_its_type_and_age(seen, hidden):
    assert build(seen, EVENTS).excluded.tolist() == hidden


def test_items_are_demoted_by_type():
    assert build({"purchase": "demote"}, EVENTS).demoted.tolist() == [3, 4]
    assert build("demote", EVENTS).demoted.tolist() == [1, 2, 3, 4, 5, 6]
    assert build({}, EVENTS).demoted.tolist() == []


def test_events_of_unknown_type_hide_as_other_types_do():
    untyped = replace(EVENTS, types=np.empty(0, np.int32))
    assert build({}, untyped).excluded.tolist() == [1, 2, 3, 4, 5, 6]
    assert build({"default": "keep", "view": "hide"}, untyped).excluded.tolist() == [6]


@pytest.mark.parametrize("text", ["never", "30", "d", "-1d", "1 month", ""])
def test_a_rule_that_is_none_is_answered_with_what_to_write(text):
    with pytest.raises(SeenError, match='write "keep", "demote", "hide"'):
        SeenRule.parse(text)
    with pytest.raises(ValueError, match="write"):
        SceneSettings(seen={"view": text})


def test_a_view_and_a_purchase_of_one_moment_are_two_events():
    view, purchase = typed((1, "view", 0.2, 1)), typed((1, "purchase", 2, 1))
    assert len(join_histories([view, purchase])) == 2
    assert len(join_histories([view, view])) == 1


def test_trained_and_live_events_have_the_same_types(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("user,item,type,timestamp\n" + f"u,i,view,{START}\nu,i,purchase,{START + 1}\n")
    dataset = load_dataset(path).dataset
    trained = build_users(dataset.log, dataset.users, np.empty((1, 0), np.int32)).history(0)
    live = EventInterpreter(dataset.catalogue.ids, EventWeights()).read(
        ["i", "i"], ["purchase", "view"], [1.0, 1.0], trained.times
    )
    assert trained.types.tolist() == live.types.tolist()
    assert len(join_histories([trained, live])) == 2


def test_training_counts_as_relevant_what_the_rules_let_be_shown(tmp_path):
    path = tmp_path / "events.csv"
    rows = [
        f"u,viewed,view,{START - 3 * DAY}",
        f"u,bought,purchase,{START - 3 * DAY}",
        *(f"u,{item},purchase,{START + 5}" for item in ("viewed", "bought", "new")),
    ]
    path.write_text("user,item,type,timestamp\n" + "\n".join(rows) + "\n")
    dataset = load_dataset(path).dataset

    def relevant(rules):
        (user,) = find_active_users(dataset.log, START, START + 10, rules)
        return set(dataset.catalogue.ids.names(user.relevant))

    assert relevant(DEFAULT_RULES) == {"viewed", "new"}
    assert relevant(seen_rules("drop")) == {"new"}
    assert relevant(seen_rules({"purchase": "2d"})) == {"viewed", "bought", "new"}
