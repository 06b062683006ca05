"""The figures in sentences that claim no more than the intervals allow."""

import pytest

from offline.report import verdict
from offline.report.bundle_comparison import conclusion, differing_settings
from offline.report.curves import branch_losses
from tests.figures import NOTHING, around, band, comparison, interval, report_figures, window


@pytest.fixture
def figures() -> dict:
    return report_figures()


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (interval(0.01, 0.02, 0.03), "clearly better than popularity: NDCG@10 differs by +0.020"),
        (interval(-0.01, 0.02, 0.03), "not clearly better or worse than popularity"),
        (interval(-0.03, -0.02, -0.01), "clearly worse than popularity"),
        (NOTHING, "cannot be compared with popularity"),
    ],
)
def test_the_verdict_claims_no_more_than_the_interval_allows(figures, difference, text):
    figures["differences"]["popularity"]["ndcg@10"] = {"difference": difference, "ratio": NOTHING}
    assert text in verdict.compare_with_baselines(figures)[0]


def test_what_is_lost_adds_up_to_what_is_missing_and_the_largest_loss_is_named(figures):
    losses = verdict.ndcg_losses(figures)
    assert sum(losses) == pytest.approx(1 - 0.3)
    assert all(loss >= -1e-12 for loss in losses)
    for cut, possible in zip(figures["attribution"]["cuts"], (0.9, 0.2, 0.15, 0.1), strict=True):
        cut["oracle_ndcg"] = possible
    figures["methods"]["funnel"]["ndcg@10"]["mean"] = 0.1
    assert "(0.700) is lost by the coarse cut" in verdict.describe_largest_loss(figures)


def test_all_that_is_relevant_leaves_the_funnel_somewhere_or_is_shown(figures):
    branches = branch_losses(figures["attribution"])
    assert [branch.name for branch in branches] == [
        *("not recalled", "cut by coarse", "cut by fine", "no room among 10"),
        "others were preferred",
    ]
    assert all(branch.share >= 0 for branch in branches)
    assert sum(branch.share for branch in branches) + 0.3 == pytest.approx(1.0)


def test_the_plain_words_are_those_of_the_figures(figures):
    funnel = figures["methods"]["funnel"]
    funnel["precision@10"]["mean"], funnel["hit_rate@10"]["mean"] = 0.262, 0.83
    ratio = figures["differences"]["recency_popularity"]["ndcg@10"]["ratio"]
    ratio.update(mean=1.31, low=1.08, high=1.6)
    text = verdict.summarise_quality(figures)
    for words in ("goes on to choose 2.6", "83% of users", "+8% to +60%"):
        assert words in text
    assert "31% better than recent popularity" in text
    ratio.update(mean=0.8, low=0.7, high=0.9)
    assert "20% worse than recent popularity" in verdict.summarise_quality(figures)
    ratio.update(NOTHING)
    assert verdict.summarise_quality(figures).endswith("choose at least one.")


def test_where_the_funnel_is_beaten_is_named_what_is_clear_first(figures):
    weaknesses = verdict.find_weaknesses(figures)
    assert [(spot.where, spot.is_clear) for spot in weaknesses] == [
        ("new users after 3 events", True),
        ("new users after 5 events", True),
        ("new users after 10 events", False),
    ]
    text = verdict.summarise_weaknesses(weaknesses)
    assert "It clearly loses for new users after 3, 5 events" in text
    assert "in 1 of the groups it is behind by what may be chance" in text
    assert verdict.summarise_weaknesses(weaknesses[:2]).endswith("after 3, 5 events.")
    assert verdict.summarise_weaknesses(weaknesses[2:]).startswith("It clearly loses nowhere; in 1")
    assert "none of the groups of users and items" in verdict.summarise_weaknesses([])


def test_a_channel_or_a_list_that_is_better_over_all_is_named(figures):
    figures["methods"]["item_cf"]["ndcg@10"]["mean"] = 0.99
    figures["differences"]["item_cf"]["ndcg@10"]["difference"] = around(-0.3)
    first = verdict.find_weaknesses(figures)[0]
    assert (first.where, first.rival) == ("all users of the headline", "item_cf alone")
    assert first.is_clear


def test_bands_of_users_and_items_in_which_it_is_beaten_are_named(figures):
    def beaten(name, count=40):
        worse = {"funnel": around(0.1), "recency_popularity": around(0.2)}
        return band(name, count) | {"methods": worse, "lead": around(-0.1)}

    figures["cold_curve"] = []
    figures["segments"] = {
        "history": [beaten("1-9 events", 2), beaten("10-49 events")],
        "popularity": [beaten("head", 3)],
        "attributes": [{"name": "sex", "bands": [beaten("f")]}],
    }
    weaknesses = verdict.find_weaknesses(figures)
    assert [(spot.where, spot.measure) for spot in weaknesses] == [
        ("users with a history of “10-49 events”", "NDCG@10"),
        ("users of sex “f”", "NDCG@10"),
        ("items of popularity “head”", "recall@10"),
    ]
    assert verdict.summarise_weaknesses(weaknesses * 2).endswith(
        "; users with a history of “10-49 events” and 2 more."
    )


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (comparison(window(0.05)), "v2 is clearly better: NDCG@10 +0.050"),
        (comparison(window(-0.05)), "v2 is clearly worse: NDCG@10 -0.050"),
        (comparison(window(0.005)), "v2 is not clearly better or worse"),
        (comparison(None, window(0.05)), "v2 is clearly better"),
        (comparison(), "cannot be subtracted"),
    ],
)
def test_the_conclusion_on_two_bundles_claims_no_more_than_the_interval_allows(result, sentence):
    assert sentence in conclusion(result)


def test_settings_of_two_bundles_that_differ_are_found():
    result = comparison(settings={"seed": 8, "recall.als.size": 64, "new": 1})
    assert differing_settings(result) == [("new", "-", 1), ("seed", 7, 8)]
