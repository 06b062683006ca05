"""Every kind of ranker, and every scorer that stands in for one, keeps the scorer contract."""

from functools import cache
from math import inf

import lightgbm
import numpy as np
import pytest

from app.build import untrained_rankers
from app.features.views import FINE_VIEW, column_names
from app.rank.channel_order import ALONE, ChannelOrder
from app.rank.gbdt import GradientBoosting
from app.rank.hybrid import HybridModel
from app.rank.kinds import BUILT_IN_KINDS, STAGE_COLUMNS, find_kind
from app.rank.logistic import Logistic
from app.rank.objectives import ObjectiveBlend
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import BUILT_IN_NAMES, HYBRIDS, MatrixScorer
from tests.contract.scorer_contract import RankerKindContract, ScorerContract
from tests.fakes import HighestRowFirst, LowestRowFirst

WIDTH = len(column_names(FINE_VIEW))


def make_logistic(width=WIDTH, seed=0) -> Logistic:
    mean, scale, weights = np.random.default_rng(seed).standard_normal((3, width))
    columns = (mean, np.abs(scale) + 0.1, weights)
    return Logistic(*(column.astype(np.float32) for column in columns), 0.25)


@cache
def make_trees(seed=0) -> GradientBoosting:
    random = np.random.default_rng(seed)
    features, labels = random.random((200, WIDTH)), random.integers(0, 2, 200)
    parameters = {"verbose": -1, "num_threads": 1, "num_leaves": 4, "seed": seed}
    booster = lightgbm.train(parameters, lightgbm.Dataset(features, labels), 3)
    return GradientBoosting.of(make_logistic(seed=seed), booster)


def make_blend(seed=0) -> PointwiseListwiseBlend:
    orders = (
        ChannelOrder("ease_rank", 20.0, 0, 5, 0.25, 0.05),
        ChannelOrder("item_cf_rank", ALONE, 20, inf, 0.25, 0.05),
    )
    return PointwiseListwiseBlend(make_trees(seed), make_trees(seed + 1), orders)


class TestUntrainedFine(ScorerContract):
    @pytest.fixture
    def scorer(self):
        return untrained_rankers().fine

    def test_missing_values_give_finite_scores(self):
        """The fused rank of a candidate is never missing."""


@pytest.mark.parametrize("fake", [HighestRowFirst(), LowestRowFirst()])
class TestFakes(ScorerContract):
    @pytest.fixture
    def scorer(self, fake):
        return fake

    def test_missing_values_give_finite_scores(self, fake):
        """Their one column is the row, which is never missing."""


@pytest.mark.parametrize("stage", ["coarse", "fine"])
class TestLogistic(RankerKindContract):
    @pytest.fixture(autouse=True)
    def _of_stage(self, stage):
        self.columns = STAGE_COLUMNS[stage]

    @pytest.fixture
    def kind(self):
        return find_kind("logistic")

    @pytest.fixture
    def scorer(self):
        return MatrixScorer(make_logistic(len(self.columns)))

    def test_other_columns_are_refused(self, kind, scorer):
        with pytest.raises(ValueError, match="train again"):
            kind.verify(scorer, self.columns[1:])


class TestPointwiseListwise(RankerKindContract):
    @pytest.fixture
    def kind(self):
        return find_kind("pointwise_listwise")

    @pytest.fixture
    def scorer(self):
        return MatrixScorer(make_blend())

    def test_other_columns_are_refused(self, kind, scorer):
        with pytest.raises(ValueError, match="train again"):
            kind.verify(scorer, self.columns[1:])


@pytest.mark.parametrize("name", HYBRIDS)
class TestHybrids(RankerKindContract):
    @pytest.fixture
    def kind(self, name):
        return find_kind(name)

    @pytest.fixture
    def scorer(self, name):
        random = np.random.default_rng(HYBRIDS.index(name))
        columns = column_names(FINE_VIEW)[:9]
        mean, scale = random.random((2, 9)).astype(np.float32)
        lengths = np.array([0, 5, 50], np.float32)
        weights = random.standard_normal((3, 9)).astype(np.float32)
        return MatrixScorer(HybridModel(columns, mean, scale + 0.1, lengths, weights))

    def test_other_columns_are_refused(self, kind, scorer):
        with pytest.raises(ValueError, match="which the view lacks"):
            kind.verify(scorer, self.columns[1:])


class TestObjectiveBlend(RankerKindContract):
    is_row_independent = False

    @pytest.fixture
    def kind(self):
        return find_kind("objective_blend")

    @pytest.fixture
    def scorer(self):
        scorers = {name: MatrixScorer(make_blend(at)) for at, name in enumerate(("click", "value"))}
        return ObjectiveBlend(scorers, {"click": 1.0, "value": 0.5})


def test_every_built_in_kind_is_tried_here():
    tried = {"logistic", "pointwise_listwise", "objective_blend", *HYBRIDS}
    assert tried == set(BUILT_IN_KINDS) == set(BUILT_IN_NAMES)
