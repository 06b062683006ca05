"""The written report: whole, honest in words, self-contained, and the same bytes every time."""

import copy
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import orjson
import pytest
from jinja2 import UndefinedError

from app.artifacts import Segments
from benchmarks import new_user_plot
from offline.evaluate import segments
from offline.evaluate.attribution import FunnelTrace, attribute
from offline.evaluate.comparison import ItemBackground, compare_methods
from offline.evaluate.rowsets import RowSets
from offline.report import curves, verdict
from offline.report.curves import branch_losses
from offline.report.glossary import METRICS
from offline.report.report import render, write_report
from offline.report.svg import report_style, row_axes, to_svg

U, N = 240, 900
STRENGTHS = {  # how much of the truth each method sees, in place of trained models
    "funnel": 2.6, "popularity": 0.0, "recency_popularity": 0.6, "item_cf": 2.0, "user_cf": 1.8,
    "embedding": 1.9, "content": 0.9, "trending": 0.5, "popular": 0.1, "fresh": 0.0,
}  # fmt: skip


SEXES = Segments(
    ("sex",), (("f", "m"),), np.array([0, 2]), np.zeros((3, N), np.float32), np.ones(3), 1.0
)


def around(mean: float, width=0.02) -> dict:
    return {"mean": mean, "low": mean - width, "high": mean + width}


def swept(compared) -> dict:
    """Sweeps in which the funnel is beaten by item_cf for users of 3 and 5 events, not of 0."""
    ndcg = {name: metrics["ndcg@10"]["mean"] for name, metrics in compared["methods"].items()}
    ahead = {0: 0.01, 3: -0.05, 5: -0.06, 10: -0.01}
    return {
        "reach": [{"candidates": n, "recall": n / 1_100} for n in (100, 500, 1_000)],
        "policies": [
            {
                "name": name, "ndcg": around(0.3 + price), "price": around(price, 0.001),
                "share": around(price / 0.3, 0.004), "coverage": 0.31, "diversity": 0.6,
            }
            for name, price in (("as served", 0.0), ("without diversity", 0.006))
        ],
        "trade_off": [
            {
                "weight": weight, "default": weight == 0.05, "ndcg": around(0.31 - weight / 5),
                "coverage": 0.3 + weight / 9, "diversity": 0.6 + weight / 4,
            }
            for weight in (0.0, 0.02, 0.05, 0.3)
        ],
        "cold_curve": [
            {
                "events": events, "users": 61,
                "methods": {name: around(0.2) for name in ndcg} | {"funnel": around(0.2 + gap)},
                "best_channel": "item_cf",
                "differences": {name: around(gap) for name in ndcg if name != "funnel"},
            }
            for events, gap in ahead.items()
        ],
        "calibration": [
            {
                "stage": stage, "error": 0.004, "raw_error": raw, "positive_share": 0.08,
                "points": [
                    {"predicted": p / 10, "observed": p / 11, "count": 9} for p in range(10)
                ],
            }
            for stage, raw in (("coarse", 0.47), ("fine", None))
        ],
        "regimes": [
            {
                "name": name, "users": 77,
                "methods": {"funnel": around(0.3), "popularity": around(0.2)},
                "differences": {"popularity": around(0.1)},
            }
            for name in ("as of the cut", "at their own moment")
        ],
    }  # fmt: skip


def build_figures_by_hand() -> dict:
    """Figures from the real evaluation of made-up users, whose taste is popularity plus noise."""
    random = np.random.default_rng(11)
    counts = np.floor(4_000 / (1 + np.arange(N)) ** 0.9) * (np.arange(N) < 840)
    taste = random.normal(size=(U, N))
    score = np.log1p(counts) + 1.6 * taste + random.normal(size=(U, N))
    wanted = [np.argsort(-row)[: 2 + u % 19] for u, row in enumerate(score)]
    relevant = RowSets.of(wanted)
    seen_as = {
        name: np.log1p(counts) * (name != "fresh")
        + strength * 0.45 * taste
        + (name not in ("popularity", "fresh")) * random.normal(size=(U, N))
        for name, strength in STRENGTHS.items()
    }
    order = {name: np.argsort(-values, axis=1, kind="stable") for name, values in seen_as.items()}
    lists = {name: rows[:, :20] for name, rows in order.items()}
    channels = {name: RowSets.of(list(order[name][:, :60])) for name in list(STRENGTHS)[3:]}
    merged = RowSets.of(
        [np.unique(np.concatenate([order[c][u, :60] for c in channels])) for u in range(U)]
    )
    inside = np.full((U, N), -np.inf)
    inside[merged.owners, merged.rows] = seen_as["funnel"][merged.owners, merged.rows]
    kept = np.argsort(-inside, axis=1)
    trace = FunnelTrace(
        channels,
        merged,
        *(RowSets.of(list(kept[:, :n])) for n in (100, 40)),
        RowSets.of(list(kept[:, :10])),
    )
    lists["funnel"] = kept[:, :20]
    content = random.normal(size=(N, 8)).astype(np.float32)
    compared = compare_methods(
        lists, relevant, ItemBackground(counts, content), seed=1, resamples=500
    )
    events = random.choice([0, 0, 4, 20, 90, 300], U)
    return {
        "dataset": {
            "name": "Made-up <films>", "users": 943, "items": N, "interactions": 100_000,
            "first": "1997-09-20", "last": "1998-04-22", "explicit": True, "timed": True,
        },
        "split": {
            "t1": "1998-02-18", "t2": "1998-03-20", "recall_interactions": 70_000,
            "ranker_interactions": 15_000, "test_interactions": 15_000, "test_users": 301,
            "relevant": "rated 4 or more in the test window",
        },
        **compared,
        "attribution": attribute(trace, relevant, 10),
        "segments": {
            "history": segments.ndcg_by_history(lists, relevant, events, 1),
            "popularity": segments.recall_by_popularity(lists, relevant, counts, 1),
            "attributes": segments.ndcg_by_attribute(
                lists, relevant, np.arange(U)[:, None] % 2, SEXES, 1
            ),
        },
        **swept(compared),
        "features": [
            {"name": f"feature_{i}", "gain": 5_000 / (i + 1), "meaning": f"{i} & what it says",
             "group": ("channel", "crowd", "user")[i % 3]}
            for i in range(30)
        ],
        "coarse": [
            {"name": f"rank_of_{name}", "weight": 1.2 - 0.4 * i} for i, name in enumerate(channels)
        ],
        "timings": [
            {"phase": "read", "seconds": 0.4},
            {"phase": "recall models", "seconds": 9.1},
            {"phase": "rows", "seconds": 24.0},
            {"phase": "rankers", "seconds": 8.2},
            {"phase": "evaluate", "seconds": 6.3},
        ],
        "settings": {"coarse_keep": 200, "fine_keep": 100, "folder": "data", "limit": None},
        "sizes": {"fine ranker": 1_234_567},
        "seeds": {"split": 1, "bootstrap": 1},
        "versions": {"numpy": "2.4.6", "lightgbm": "4.6.0", "faiss-cpu": "1.13.0"},
        "notes": ["Lists are made without an exploration slot: the ranker is measured, not luck."],
    }  # fmt: skip


FIGURES = build_figures_by_hand()
PAGE = render(FIGURES)


@pytest.fixture
def figures() -> dict:
    return copy.deepcopy(FIGURES)


class Page(HTMLParser):
    """Checks that every element is closed, and collects tags, links and text."""

    VOID = frozenset({"meta", "br", "use", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.words, self.tags = [], [], [], [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "xlink:href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_json_is_the_figures_with_sorted_keys(figures, tmp_path):
    write_report(figures, tmp_path / "out")
    written = (tmp_path / "out" / "report.json").read_bytes()
    assert orjson.loads(written) == figures
    assert (
        written
        == orjson.dumps(orjson.loads(written), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
        + b"\n"
    )


def test_the_same_figures_give_the_same_bytes(figures, tmp_path):
    write_report(figures, tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == PAGE


def test_the_machines_own_plot_style_does_not_show(figures):
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        assert render(figures) == PAGE


def test_the_page_is_well_formed_and_needs_no_other_file():
    page = Page(PAGE)
    assert page.open == []
    assert not page.tags & {"script", "link", "img", "iframe", "object"}
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert "url(http" not in PAGE
    assert "@import" not in PAGE


def test_plots_follow_the_colours_of_the_page():
    plots = re.findall(r"<svg.*?</svg>", PAGE, re.DOTALL)
    assert len(plots) == 10
    for svg in plots:
        assert "var(--ink)" in svg
        assert not re.findall(r"#[0-9a-f]{6}\b", svg)


def test_every_metric_method_channel_and_stage_is_named(figures):
    words = " ".join(Page(PAGE).words)
    for name in ("Funnel", "Popularity", "Recent popularity", "item_cf alone", "after coarse"):
        assert name in words
    for name, term in METRICS.items():
        assert term.label in words
        assert term.meaning in words
        assert name == "graded_ndcg" or f"{name}@20" in figures["methods"]["funnel"]
    assert "feature_24" in words
    assert "feature_25" not in words


def test_names_from_the_data_are_escaped(figures):
    figures["notes"].append("<script>alert(1)</script>")
    figures["attribution"]["channels"]["<b>bold</b>"] = {"own": 0.1, "unique": 0.0, "size": 3.0}
    figures["coarse"].append({"name": '<i>x</i> & "y"', "weight": 0.3})
    page = Page(render(figures))
    assert not page.tags & {"script", "b>bold<", "films"}
    assert "<script>alert(1)</script>" in page.words
    assert "Made-up <films>" in " ".join(page.words)


def test_a_plot_has_a_label_that_is_escaped():
    with report_style():
        figure, _ = row_axes(["one"], 0.3)
        assert 'role="img" aria-label="&quot;A&quot; &lt; B"' in to_svg(figure, '"A" < B')


def interval(low, mean, high):
    return {"mean": mean, "low": low, "high": high}


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (interval(0.01, 0.02, 0.03), "clearly better than popularity: NDCG@10 differs by +0.020"),
        (interval(-0.01, 0.02, 0.03), "not clearly better or worse than popularity"),
        (interval(-0.03, -0.02, -0.01), "clearly worse than popularity"),
        (interval(None, None, None), "cannot be compared with popularity"),
    ],
)
def test_the_verdict_claims_no_more_than_the_interval_allows(figures, difference, text):
    figures["differences"]["popularity"]["ndcg@10"] = {
        "difference": difference, "ratio": interval(None, None, None),
    }  # fmt: skip
    assert text in verdict.compare_with_baselines(figures)[0]


def test_what_is_lost_adds_up_to_what_is_missing(figures):
    losses = verdict.ndcg_losses(figures)
    reached = figures["methods"]["funnel"]["ndcg@10"]["mean"]
    assert sum(losses) == pytest.approx(1 - reached)
    assert all(loss >= -1e-12 for loss in losses)


def test_the_largest_loss_is_named(figures):
    for cut, possible in zip(figures["attribution"]["cuts"], (0.9, 0.2, 0.15, 0.1), strict=True):
        cut["oracle_ndcg"] = possible
    figures["methods"]["funnel"]["ndcg@10"]["mean"] = 0.1
    assert "(0.700) is lost by the coarse cut" in verdict.describe_largest_loss(figures)


def test_a_report_without_content_notes_or_recency_popularity_is_still_written(figures):
    nothing = interval(None, None, None)
    for metrics in figures["methods"].values():
        metrics["diversity@10"] = metrics["diversity@20"] = nothing
    del figures["methods"]["recency_popularity"], figures["differences"]["recency_popularity"]
    figures["notes"], figures["features"], figures["coarse"] = [], [], []
    figures["segments"]["history"][0]["methods"]["funnel"] = nothing
    page = Page(render(figures))
    assert "n/a" in page.words
    assert "Recent popularity" not in " ".join(page.words).split("Glossary")[0]


def test_what_was_swept_is_on_the_page():
    words = " ".join(Page(PAGE).words)
    for text in (
        *("without diversity", "+0.006", "+2.0%", "0.05, served", "at their own moment", "47.0%"),
        *("none: scores are for order only", "not recalled", "others were preferred", "1.2 MB"),
        *("Relevant items among them", "sex: f (", "Best channel alone", "crowd"),
    ):
        assert text in words, text


def test_what_the_data_did_not_allow_is_left_out(figures):
    for name in ("reach", "policies", "trade_off", "cold_curve", "calibration", "regimes"):
        figures[name] = []
    figures["segments"]["attributes"] = []
    page = Page(render(figures))
    assert page.open == []
    words = " ".join(page.words)
    for text in ("policies", "new user is served", "in service", "probabilities?", "With more"):
        assert text not in words, text
    assert all(link[1:] in page.ids or not link.startswith("#") for link in page.links)


def test_what_other_programs_measure_is_shown_when_it_is_there(figures):
    assert "Hybrids" not in PAGE
    variant = {"name": "weighted <0.5>", "ndcg": around(0.28), "difference": around(-0.02)}
    figures["hybrids"] = [variant]
    judged = {"click": around(0.31), "value": around(0.222)}
    figures["objectives"] = [
        {"model": "value", "weight": 0.25, "ndcg": judged},
        {"model": "blend", "weight": None, "ndcg": judged},
    ]
    page = Page(render(figures))
    words = " ".join(page.words)
    for text in ("What each objective costs", "click", "0.25", "0.222", "blend"):
        assert text in words, text
    assert "objectives" in page.ids
    assert "weighted <0.5>" in words
    assert "hybrids" in page.ids
    del figures["hybrids"], figures["objectives"]
    assert "Hybrids" not in render(figures)


def test_all_that_is_relevant_leaves_the_funnel_somewhere_or_is_shown(figures):
    branches = branch_losses(figures["attribution"])
    assert [branch.name for branch in branches] == [
        *("not recalled", "cut by coarse", "cut by fine", "no room among 10"),
        "others were preferred",
    ]
    assert all(branch.share >= 0 for branch in branches)
    shown = figures["attribution"]["cuts"][-1]["alive"]
    assert sum(branch.share for branch in branches) + shown == pytest.approx(1.0)


def test_labels_of_near_points_do_not_touch():
    points = [
        {"weight": at / 100, "default": at == 1, "ndcg": around(0.3), "coverage": 0.3,
         "diversity": 0.6 + at / 1_000 + (at == 3)}
        for at in range(4)
    ]  # fmt: skip
    words = Page(curves.trade_off_chart(points)).words
    assert "0.01 served" in words
    assert "0.03" in words
    assert "0.02" not in words


def test_the_plain_words_are_those_of_the_figures(figures):
    funnel = figures["methods"]["funnel"]
    funnel["precision@10"]["mean"], funnel["hit_rate@10"]["mean"] = 0.262, 0.83
    ratio = figures["differences"]["recency_popularity"]["ndcg@10"]["ratio"]
    ratio.update(mean=1.31, low=1.08, high=1.6)
    for name, mean in (("popularity", 0.1), ("recency_popularity", 0.2)):
        figures["methods"][name]["ndcg@10"]["mean"] = mean
    text = verdict.summarise_quality(figures)
    assert "chooses 2.6" in text.replace("goes on to choose", "chooses")
    assert "83% of users" in text
    assert "31% better than recent popularity" in text
    assert "+8% to +60%" in text
    ratio.update(mean=0.8, low=0.7, high=0.9)
    assert "20% worse than recent popularity" in verdict.summarise_quality(figures)
    ratio.update(mean=None, low=None, high=None)
    assert verdict.summarise_quality(figures).endswith("choose at least one.")


def test_where_the_funnel_is_beaten_is_named_what_is_clear_first(figures):
    figures["segments"]["popularity"] = figures["segments"]["history"] = []
    weaknesses = verdict.find_weaknesses(figures)
    named = [(spot.where, spot.is_clear) for spot in weaknesses]
    assert named == [
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
    assert text in " ".join(Page(render(figures)).words).replace("  ", " ")


def test_a_channel_or_a_list_that_is_better_over_all_is_named(figures):
    figures["methods"]["item_cf"]["ndcg@10"]["mean"] = 0.99
    figures["differences"]["item_cf"]["ndcg@10"]["difference"] = around(-0.3)
    first = verdict.find_weaknesses(figures)[0]
    assert (first.where, first.rival) == ("all users of the headline", "item_cf alone")
    assert first.is_clear


def test_bands_of_users_and_items_in_which_it_is_beaten_are_named(figures):
    figures["cold_curve"] = []
    worse = {"funnel": around(0.1), "recency_popularity": around(0.2), "popularity": around(0.0)}
    band = {"count": 40, "methods": worse, "lead": around(-0.1)}
    few = {**band, "band": "1-9 events", "count": 2}
    figures["segments"] = {
        "history": [few, {**band, "band": "10-49 events"}],
        "popularity": [{**band, "band": "head", "count": 3}],
        "attributes": [{"name": "sex", "bands": [{**band, "band": "f"}]}],
    }
    named = [(spot.where, spot.measure) for spot in verdict.find_weaknesses(figures)]
    assert named == [
        ("users with a history of “10-49 events”", "NDCG@10"),
        ("users of sex “f”", "NDCG@10"),
        ("items of popularity “head”", "recall@10"),
    ]
    weaknesses = verdict.find_weaknesses(figures) * 2
    assert verdict.summarise_weaknesses(weaknesses).endswith(
        "; users with a history of “10-49 events” and 2 more."
    )


def test_if_nothing_is_better_anywhere_the_page_says_so(figures):
    for spot in ("history", "popularity", "attributes"):
        figures["segments"][spot] = []
    figures["cold_curve"] = []
    assert verdict.find_weaknesses(figures) == []
    page = " ".join(Page(render(figures)).words)
    assert page.count("A simpler list was better on average in none of the groups") == 2


def test_missing_figures_are_an_error_not_a_hole(figures):
    del figures["dataset"]["last"]
    with pytest.raises(UndefinedError, match="last"):
        render(figures)


def test_a_folder_that_cannot_be_written_is_an_error(figures, tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match="taken"):
        write_report(figures, tmp_path / "taken")


def test_the_new_user_curve_of_a_report_is_drawn_alone(figures, tmp_path, capsys):
    (tmp_path / "report.json").write_bytes(orjson.dumps(figures))
    new_user_plot.main(tmp_path, tmp_path / "docs" / "curve.svg")
    drawn = (tmp_path / "docs" / "curve.svg").read_text()
    assert drawn.startswith("<svg")
    assert "--funnel:" in drawn
    assert "events revealed" in drawn
    shown = capsys.readouterr().out
    assert "item_cf" in shown
    assert "0.210" in shown
