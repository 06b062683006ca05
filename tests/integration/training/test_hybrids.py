"""Hybrids: what each kind puts first, and that what is learned is what is served."""

from dataclasses import replace
from functools import cache

import numpy as np
import orjson
import pytest

from app.bundle.bundle import load_bundle
from app.bundle.manifest import BundleError
from app.features.views import FINE_VIEW, RISING_COLUMNS, column_names
from app.rank.hybrid import EVENTS_COLUMN, HybridModel
from app.rank.scorer import HYBRIDS, MatrixScorer, RankerKinds
from app.recall.registry import CHANNELS, PERSONAL_CHANNELS
from offline.evaluate.metrics import grouped_ndcg
from offline.models.hybrids import (
    CHANNEL_COLUMNS,
    COLLABORATIVE_CHANNELS,
    HISTORY_BAND_STARTS,
    HYBRID_FITS,
    POPULARITY_CHANNELS,
    SWITCH_CANDIDATES,
)
from offline.publish.writer import write_bundle
from offline.training.linear import Pools, fit_listwise_weights
from offline.training.rank_table import RankTable
from offline.training.rankers import HybridConfig
from tests.bundles import build_training_result

VIEW = list(column_names(FINE_VIEW))
CONFIG = HybridConfig(penalty=1.0, prior=0.0)
EASE, TREND = VIEW.index("ease_rank"), VIEW.index("trending_rank")


@cache
def table(seed=0, groups=240, noise=0.3) -> RankTable:
    """Cold users take what is trending, warm ones (20 events and more) what EASE says."""
    random = np.random.default_rng(seed)
    sizes = random.integers(20, 40, groups)
    events = np.repeat(random.choice([0, 2, 8, 60], groups), sizes)
    features = np.zeros((len(events), len(VIEW)), np.float32)
    places = [VIEW.index(f"{c}_rank") for c in CHANNELS]
    features[:, places] = 1.0 / (10.0 + random.integers(0, 200, (len(events), len(CHANNELS))))
    features[:, [VIEW.index(f"{c}_z") for c in CHANNELS]] = random.standard_normal(
        (len(events), len(CHANNELS))
    )
    features[:, VIEW.index(EVENTS_COLUMN)] = np.log1p(events)
    appeal = np.where(events < 20, features[:, TREND], features[:, EASE])
    appeal = appeal / appeal.std() + noise * random.standard_normal(len(appeal))
    owner = np.repeat(np.arange(groups), sizes)
    order = np.lexsort((-appeal, owner))
    labels = np.zeros(len(appeal), np.int32)
    starts = np.cumsum(sizes) - sizes
    labels[order[starts]] = 1
    labels[order[starts + 1]] = 1
    return RankTable(features, labels, sizes)


def of(kind, **known) -> HybridModel:
    return HYBRID_FITS[kind](table(), replace(CONFIG, **known))


def row(events, **said) -> np.ndarray:
    """One candidate of a user with so many events."""
    features = np.zeros((1, len(VIEW)), np.float32)
    features[0, VIEW.index(EVENTS_COLUMN)] = np.log1p(events)
    for name, value in said.items():
        features[0, VIEW.index(name)] = value
    return features


def quality(scorer: HybridModel, least=0, most=1e9, seed=1) -> float:
    later = table(seed)
    starts = np.cumsum(later.groups) - later.groups
    events = np.expm1(later.features[starts, VIEW.index(EVENTS_COLUMN)]).round()
    found = grouped_ndcg(later.groups, later.labels, scorer.score(later.features))
    return float(found[(events >= least) & (events <= most)].mean())


def test_each_hybrid_that_can_be_read_can_be_fitted():
    assert tuple(HYBRID_FITS) == HYBRIDS


@pytest.mark.parametrize("kind", HYBRID_FITS)
def test_every_hybrid_gives_a_row_the_same_score_in_any_pool_to_the_bit(kind):
    hybrid, features = of(kind), table(1).features[:300].copy()
    features[np.random.default_rng(3).random(features.shape) < 0.1] = np.nan
    features[:, VIEW.index(EVENTS_COLUMN)] = table(1).features[:300, VIEW.index(EVENTS_COLUMN)]
    before, whole = features.tobytes(), hybrid.score(features)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    for start, end in ((0, 0), (0, 1), (17, 40), (5, 300)):
        assert hybrid.score(features[start:end]).tobytes() == whole[start:end].tobytes()
    assert features.tobytes() == before


@pytest.mark.parametrize("kind", HYBRID_FITS)
def test_the_shares_of_columns_add_up_to_one(kind):
    columns = of(kind).describe().columns
    assert list(columns) == VIEW
    assert sum(columns.values()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
def test_alpha_divides_between_the_collaborative_and_the_content_score(alpha):
    hybrid = of("weighted", alpha=alpha)
    collaborative = row(5, **{f"{name}_z": 2.0 for name in COLLABORATIVE_CHANNELS})
    assert hybrid.score(collaborative)[0] == pytest.approx(2.0 * alpha, abs=1e-6)
    assert hybrid.score(row(5, content_z=2.0))[0] == pytest.approx(2.0 * (1 - alpha), abs=1e-6)
    assert hybrid.score(row(5, fresh_z=2.0))[0] == 0.0


@pytest.mark.parametrize("at", [1, 5, 50])
def test_a_user_is_ranked_by_the_crowd_up_to_the_switch_and_by_their_own_from_it_on(at):
    hybrid = of("switching", switch_at=at)
    for events, said in (
        (at - 1, POPULARITY_CHANNELS),
        (at, PERSONAL_CHANNELS),
        (at + 100, PERSONAL_CHANNELS),
    ):
        for channel in CHANNELS:
            score = hybrid.score(row(events, **{f"{channel}_rank": 1.0}))[0]
            assert score == pytest.approx(float(channel in said), abs=1e-5)


def test_the_switch_is_learned_where_it_helps():
    hybrid = of("switching")
    assert hybrid.lengths[1] in {10, 20, 50}  # users have 0, 2, 8 or 60 events
    found = {at: quality(of("switching", switch_at=at)) for at in SWITCH_CANDIDATES}
    assert quality(hybrid) == pytest.approx(max(found.values()))
    assert quality(hybrid) > found[1] + 0.05


def test_what_is_learned_is_better_than_equal_votes_and_names_what_matters():
    hybrid = of("learned")
    assert quality(hybrid) > quality(of("weighted")) + 0.1
    best = {hybrid.columns[at] for at in np.argsort(hybrid.weights[0])[-2:]}
    assert best == {"trending_rank", "ease_rank"}


@pytest.mark.parametrize("kind", ["adaptive", "combined"])
def test_weights_by_history_serve_cold_and_warm_better_than_the_same_for_all(kind):
    everybody, adaptive = of("learned"), of(kind)
    assert quality(adaptive, most=10) > quality(everybody, most=10) + 0.05
    assert quality(adaptive, least=20) > quality(everybody, least=20) + 0.05


def test_a_band_is_drawn_to_everybody_the_more_the_less_was_taken_in_it():
    everybody = of("learned").weights[0]
    free, drawn, bound = (of("adaptive", prior=prior).weights for prior in (0.0, 500.0, 1e9))
    assert bound == pytest.approx(np.tile(everybody, (len(HISTORY_BAND_STARTS), 1)), abs=1e-4)
    away = [np.abs(weights - everybody).sum() for weights in (free, drawn, bound)]
    assert away[0] > 1.5 * away[1] > 1.5 * away[2]


def test_a_band_without_users_has_everybodys_weights():
    whole = table()
    cold = whole.take(np.flatnonzero(whole.features[:, VIEW.index(EVENTS_COLUMN)] == 0))
    hybrid = HYBRID_FITS["adaptive"](cold, CONFIG)
    everybody = HYBRID_FITS["learned"](cold, CONFIG)
    for weights in hybrid.weights[1:]:
        assert weights.tobytes() == everybody.weights[0].tobytes()


def test_between_the_bands_weights_are_interpolated():
    hybrid = of("adaptive")
    features = {"trending_rank": 0.1, "ease_rank": 0.05}
    scores = [float(hybrid.score(row(events, **features))[0]) for events in (10, 20, 50)]
    assert min(scores[0], scores[2]) < scores[1] < max(scores[0], scores[2])
    beyond = [float(hybrid.score(row(events, **features))[0]) for events in (50, 5_000)]
    assert beyond[0] == pytest.approx(beyond[1], abs=1e-6)


def test_the_weights_told_of_a_user_are_those_that_score():
    hybrid = of("adaptive")
    for events in (0, 3, 10, 500):
        features = row(events, trending_rank=0.1, ease_rank=0.05)
        told = hybrid.part_weights(np.repeat(features, 3, axis=0))
        assert tuple(told) == hybrid.columns
        expected = hybrid.standardise(features)[0] @ np.array(list(told.values()))
        assert float(hybrid.score(features)[0]) == pytest.approx(expected, abs=1e-5)
    assert not any(hybrid.part_weights(features[:0]).values())


def test_what_speaks_for_an_item_never_counts_against_it_even_if_the_log_says_so():
    odd = table()
    features = odd.features.copy()
    features[:, [EASE, TREND]] *= -1
    for kind in ("learned", "adaptive", "combined"):
        hybrid = HYBRID_FITS[kind](replace(odd, features=features), CONFIG)
        rising = [name in RISING_COLUMNS for name in hybrid.columns]
        assert (hybrid.weights[:, rising] >= 0).all()


def test_feature_combination_sees_what_the_channels_do_not():
    odd = table()
    features = odd.features.copy()
    column = VIEW.index("content_last")
    features[:, column] = odd.labels + np.random.default_rng(5).normal(0, 0.3, len(odd))
    seen = replace(odd, features=features)
    combined, learned = (HYBRID_FITS[kind](seen, CONFIG) for kind in ("combined", "learned"))
    assert set(learned.columns) == set(CHANNEL_COLUMNS)
    assert combined.columns == tuple(VIEW)
    found = [
        grouped_ndcg(seen.groups, seen.labels, h.score(features)).mean()
        for h in (combined, learned)
    ]
    assert found[0] > found[1] + 0.1


def test_the_slope_of_the_loss_is_that_of_its_value():
    random = np.random.default_rng(0)
    labels = np.array([1, 0, 1, 0, 0, 0, 0], np.int32)  # the last group took nothing
    rows = RankTable(np.zeros((7, 1), np.float32), labels, np.array([3, 2, 2]))
    pools = Pools.of(random.standard_normal((7, 4)), rows)
    at, step = random.standard_normal(4), 1e-6
    slope = [
        (pools.loss(at + step * one)[0] - pools.loss(at - step * one)[0]) / (2 * step)
        for one in np.eye(4)
    ]
    assert pools.loss(at)[1] == pytest.approx(slope, abs=1e-6)


def test_a_group_counts_the_same_whether_one_item_was_taken_or_many():
    labels = np.array([1, 0, 0, 0, 1, 1, 1, 0], np.int32)
    features = np.zeros((8, 2))
    features[[0, 7], 0] = 1.0  # for the one taken in the first group, against all in the second
    features[[4, 5, 6, 1], 1] = 1.0
    pools = Pools.of(features, RankTable(features.astype(np.float32), labels, np.array([4, 4])))
    assert pools.shares.tolist() == [2.0, 0, 0, 0, *[pytest.approx(2 / 3)] * 3, 0]
    assert (fit_listwise_weights(pools, np.array([True, True]), 1.0) >= 0).all()


def bundle_of(kind, folder):
    """A published bundle whose fine ranker is a hybrid."""
    little = build_training_result()
    rankers = replace(little.rankers, fine=MatrixScorer(of(kind)))
    return write_bundle(
        replace(little, rankers=rankers, ranker_kinds=RankerKinds(fine=kind)), folder
    )


def test_a_damaged_hybrid_is_refused(tmp_path):
    folder = bundle_of("weighted", tmp_path)
    stored = orjson.loads((folder / "fine.json").read_bytes())
    (folder / "fine.json").write_bytes(orjson.dumps(stored | {"lengths": [1.0]}))
    with pytest.raises(BundleError, match=r"fine\.json"):
        load_bundle(folder)


def test_a_missing_value_counts_as_the_mean():
    hybrid = HybridModel(
        ("age", "mean_value"),
        np.array([5.0, 3.0], np.float32),
        np.array([2.0, 0.5], np.float32),
        np.zeros(1, np.float32),
        np.array([[1.0, 4.0]], np.float32),
    )
    scores = [hybrid.score(row(3, age=age, mean_value=value))[0] for age, value in (
        (7.0, 4.0), (np.nan, 4.0), (5.0, 4.0), (np.nan, np.nan)
    )]  # fmt: skip
    assert scores == [9.0, 8.0, 8.0, 0.0]


def test_odds_that_are_far_apart_do_not_overflow():
    features = np.array([[2e3], [0.0], [-2e3]])
    pools = Pools.of(
        features, RankTable(features.astype(np.float32), np.array([1, 0, 0]), np.array([3]))
    )
    value, slope = pools.loss(np.ones(1))
    assert value == 0.0
    assert slope.tolist() == [0.0]
    assert pools.loss(-np.ones(1))[0] == 4e3
