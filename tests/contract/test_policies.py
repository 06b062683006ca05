"""Every policy keeps the contract, and one of another package as well."""

from dataclasses import replace

import numpy as np

from app.rerank.policies import POLICIES, SlatePolicy, find_policy
from app.rerank.slate_builder import COMPLETION
from tests.contract.policy_contract import CANDIDATES, PolicyContract
from tests.unit.rerank.slates import CATALOGUE

PINNED = f"i{CANDIDATES[20]:02d}"
SPONSORED = {"sponsored": (PINNED, "i01"), "sponsored_places": (2, 3), "sponsored_cap": 2}
THOMPSON = {"explore": "thompson", "explore_slots": 2, "explore_from": 1}


def favour_even_rows(draft, context):
    """A policy as another package may add it."""
    bonus = context.settings.extensions.get("even", {}).get("bonus", 0.0)
    if not bonus:
        return draft
    is_even = draft.pool.rows % 2 == 0
    return replace(draft, utility=(draft.utility + bonus * is_even).astype(np.float32))


EVEN = SlatePolicy("even", favour_even_rows, ("extensions",), "favours even rows", "luck")


class TestFreshness(PolicyContract):
    policy, settings = find_policy("freshness"), {"freshness": 0.5}


class TestSeen(PolicyContract):
    policy, settings = find_policy("seen"), {"seen": "demote", "shown": "demote"}


class TestDiversity(PolicyContract):
    policy, settings, fills = find_policy("diversity"), {"diversity": 0.5}, True


class TestExplore(PolicyContract):
    policy, settings = find_policy("explore"), {"explore_slots": 2, "explore_from": 1}


class TestThompson(PolicyContract):
    policy, settings = find_policy("explore"), THOMPSON


class TestTail(PolicyContract):
    policy, settings = find_policy("tail"), {"tail_places": 3, "tail_share": 0.4}


class TestProviders(PolicyContract):
    policy, settings = find_policy("providers"), {"provider_places": {"acme|bell": 3}}


class TestSponsored(PolicyContract):
    policy, settings = find_policy("sponsored"), SPONSORED


class TestPinned(PolicyContract):
    policy, settings = find_policy("pinned"), {"pinned": {PINNED: 1, "i01": 2}}


class TestCompletion(PolicyContract):
    policy, settings, fills = COMPLETION, {"provider_cap": 3}, True


class TestPolicyOfAnotherPackage(PolicyContract):
    policy, settings = EVEN, {"extensions": {"even": {"bonus": 0.5}}}


def test_every_policy_of_the_registry_is_tested_here():
    tested = {suite.policy.name for suite in PolicyContract.__subclasses__()}
    assert {policy.name for policy in POLICIES} <= tested
    assert CATALOGUE.available[CANDIDATES].all()
