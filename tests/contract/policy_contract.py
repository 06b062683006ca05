"""What every policy of the last stage promises. A test class inherits it and names the policy."""

from dataclasses import fields
from typing import ClassVar

import numpy as np
import pytest

from app.rerank.filters import is_permitted
from app.rerank.policies import SceneSettings, SlatePolicy
from app.rerank.slate_builder import complete_slate, relevance
from app.rerank.slate_draft import RerankContext, SlateDraft
from tests.fakes import history, pool, query, rows
from tests.unit.rerank.slates import CATALOGUE, COUNTERS, MODELS

OFF = {"diversity": 0.0, "freshness": 0.0, "explore_slots": 0, "seen": "keep"}
CANDIDATES = np.flatnonzero(CATALOGUE.available)[10:40]


class PolicyContract:
    policy: ClassVar[SlatePolicy]
    settings: ClassVar[dict] = {}  # with which it acts on the drafts of this suite
    fills: ClassVar[bool] = False  # it lists items even with its settings off

    def context(self, k=8, **settings):
        policy = SceneSettings(**OFF | settings)
        asked = query(
            k=k,
            exclude=rows(1, 2, 3),
            history=history((CANDIDATES[0], 5, 1, 9e8)),
            impressions=CANDIDATES[1:2],
        )
        order = (self.policy.name,)
        content = MODELS.content.items
        return RerankContext(asked, policy, order, CATALOGUE, content, COUNTERS)

    def draft(self, listed=6):
        candidates = pool(*CANDIDATES)
        draft = SlateDraft.start(candidates, relevance(candidates))
        return draft.append(np.arange(listed))

    def apply(self, draft, **context):
        return self.policy.apply(draft, self.context(**self.settings | context))

    def snapshot(self, draft):
        return [
            getattr(draft, each.name).copy()
            for each in fields(draft)
            if isinstance(getattr(draft, each.name), np.ndarray)
        ]

    @pytest.mark.parametrize("listed", [0, 6, 8])
    def test_it_does_not_change_its_input(self, listed):
        draft = self.draft(listed)
        before = self.snapshot(draft)
        self.apply(draft)
        for old, new in zip(before, self.snapshot(draft), strict=True):
            np.testing.assert_array_equal(old, new)

    def test_its_settings_make_it_act(self):
        draft = self.draft(0)
        assert self.apply(draft) is not draft

    @pytest.mark.parametrize("listed", [0, 6, 8])
    def test_the_same_input_gives_the_same_draft(self, listed):
        one, two = (self.apply(self.draft(listed)) for _ in range(2))
        for first, second in zip(self.snapshot(one), self.snapshot(two), strict=True):
            np.testing.assert_array_equal(first, second)

    def test_it_returns_the_same_draft_where_its_settings_are_off(self):
        draft = self.draft(8)
        assert self.fills or self.policy.apply(draft, self.context()) is draft

    @pytest.mark.parametrize("listed", [0, 6, 8])
    def test_it_lists_permitted_candidates_only_and_none_twice(self, listed):
        draft = self.apply(self.draft(listed))
        shown = draft.pool.rows[draft.listed]
        assert len(set(shown.tolist())) == len(shown)
        assert is_permitted(self.context().query, shown, CATALOGUE.available).all()

    @pytest.mark.parametrize("listed", [0, 6, 8])
    def test_it_keeps_every_candidate_in_its_place(self, listed):
        before, after = self.draft(listed), self.apply(self.draft(listed))
        n = len(before.pool)
        np.testing.assert_array_equal(after.pool.rows[:n], before.pool.rows)
        np.testing.assert_array_equal(after.pool.scores[:n], before.pool.scores)
        assert len(after.utility) == len(after.pool)
        assert np.isfinite(after.utility).all()

    @pytest.mark.parametrize("listed", [0, 6, 8])
    def test_every_entry_has_a_slot_a_place_and_a_probability(self, listed):
        draft = self.apply(self.draft(listed))
        n = len(draft.listed)
        assert len(draft.slots) == len(draft.positions) == len(draft.propensities) == n
        assert np.all((draft.propensities > 0) & (draft.propensities <= 1))

    @pytest.mark.parametrize("k", [1, 3, 8, 25, 100])
    def test_the_completed_list_has_k_items_or_all_candidates(self, k):
        context = self.context(k, **self.settings)
        draft = self.draft(min(k, 6))
        slate = complete_slate(self.policy.apply(draft, context), context)
        assert len(slate.listed) <= k
        assert len(slate.listed) >= min(k, len(draft.pool)) or context.settings.provider_cap

    def test_an_empty_pool_is_no_error(self):
        empty = pool()
        draft = self.policy.apply(
            SlateDraft.start(empty, relevance(empty)), self.context(**self.settings)
        )
        shown = draft.pool.rows[draft.listed]
        assert is_permitted(self.context().query, shown, CATALOGUE.available).all()

    def test_it_names_its_settings_and_describes_itself(self):
        declared = {each.name for each in fields(SceneSettings)}
        assert set(self.policy.settings) <= declared
        assert set(self.settings) <= declared
        assert self.policy.summary
        assert self.policy.winner
