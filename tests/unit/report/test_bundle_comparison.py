"""The comparison of two bundles as sentences and as a page."""

import pytest

from offline.report.bundle_comparison import (
    BundleComparison,
    BundleFacts,
    SharedWindow,
    conclusion,
    differing_settings,
    render,
)
from tests.unit.report.test_report import Page

METRICS = (
    "ndcg@10",
    "recall@10",
    "map@10",
    "precision@10",
    "ndcg@20",
    "coverage@10",
    "coverage@20",
)


def interval(mean, spread=0.01):
    return {"mean": mean, "low": mean - spread, "high": mean + spread}


def facts(version, **changes):
    """The facts of a bundle, with some of them replaced."""
    plain = BundleFacts(
        version=version,
        created="2026-11-24 00:00",
        dataset="cinema <b>",
        data_end="2026-11-23",
        rows={"users": 150, "items": 120, "interactions": 6_000},
        bytes=123_456,
        trees=100,
        gate="passed",
        methods={"funnel": interval(0.7), "popularity": interval(0.1), "trending": interval(0.2)},
        features={"age": 0.6, "taste": 0.4},
        settings={"seed": 7, "recall.als.size": 64},
        seconds={"rows": 3.0},
    )
    return BundleFacts(**(plain | changes))


def window(gap=0.05, spread=0.01):
    def figures(mean):
        return {name: interval(mean) for name in METRICS}

    differences = {name: interval(gap, spread) for name in METRICS if "coverage" not in name}
    return SharedWindow(
        cut="2026-11-20",
        users=50,
        a=figures(0.2),
        b=figures(0.2 + gap),
        popularity=figures(0.1),
        differences=differences,
    )


def comparison(warm=None, cold=None, **b) -> BundleComparison:
    return BundleComparison(
        a=facts("v1"), b=facts("v2", **b), warm=warm, cold=cold, notes=["Note <i>."]
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
def test_the_conclusion_claims_no_more_than_the_interval_allows(result, sentence):
    assert sentence in conclusion(result)


def test_figures_that_are_not_there_are_not_compared():
    empty = window()
    empty["differences"]["ndcg@10"] = {"mean": None, "low": None, "high": None}
    assert "there are no figures" in conclusion(comparison(empty))
    assert "n/a" in Page(render(comparison(empty))).words


def test_only_settings_that_differ_are_shown():
    result = comparison(settings={"seed": 8, "recall.als.size": 64, "new": 1})
    assert differing_settings(result) == [("new", "-", 1), ("seed", 7, 8)]
    page = render(result)
    assert "recall.als.size" not in page
    assert "The manifests hold no setting that differs" in render(comparison())


def test_the_page_shows_both_and_escapes_texts():
    page = render(comparison(window(), window(), features={"age": 0.1, "hype": 0.9}))
    assert page.count("<svg") == 3
    for words in ("v1", "v2", "hype", "cinema &lt;b&gt;", "Note &lt;i&gt;.", "trending alone"):
        assert words in page
    assert "Users without a history" in page
    assert "<script" not in page
    assert "src=" not in page
    assert page == render(comparison(window(), window(), features={"age": 0.1, "hype": 0.9}))


def test_a_bundle_without_figures_of_its_own_is_shown_all_the_same():
    page = render(comparison(methods={}, features={}, settings={}, seconds={}, gate="-"))
    assert "its own window" in page
