"""The pages of a report and of a comparison: whole, self-contained, the same bytes every time."""

import re

import matplotlib as mpl
import orjson
import pytest
from jinja2 import UndefinedError

from benchmarks import new_user_plot
from offline.report import bundle_comparison, curves
from offline.report.bundle_comparison import conclusion
from offline.report.glossary import METRICS
from offline.report.report import render, write_report
from offline.report.svg import report_style, row_axes, to_svg
from tests.figures import NOTHING, Page, around, comparison, report_figures, window


@pytest.fixture(scope="module")
def page():
    return render(report_figures())


@pytest.fixture
def figures() -> dict:
    return report_figures()


def test_the_same_figures_give_the_same_files_whatever_the_machines_plot_style(page, tmp_path):
    figures = report_figures()
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        write_report(figures, tmp_path / "out")
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == page
    written = (tmp_path / "out" / "report.json").read_bytes()
    assert orjson.loads(written) == figures
    form = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2
    assert written == orjson.dumps(figures, option=form) + b"\n"


def test_the_page_needs_no_other_file_and_its_plots_follow_its_colours(page):
    read = Page(page)
    assert not read.tags & {"script", "link", "img", "iframe", "object"}
    assert all(link.startswith("#") and link[1:] in read.ids for link in read.links)
    assert "url(http" not in page
    assert "@import" not in page
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) == 10
    for svg in plots:
        assert "var(--ink)" in svg
        assert not re.findall(r"#[0-9a-f]{6}\b", svg)


def test_a_page_without_plots_has_all_else(page, figures, tmp_path):
    write_report(figures, tmp_path, with_plots=False)
    bare = (tmp_path / "report.html").read_text(encoding="utf-8")
    for absent in ("<svg", "<figure", "<figcaption"):
        assert absent in page
        assert absent not in bare
    read = Page(bare)
    assert all(link[1:] in read.ids for link in read.links)
    tables = re.compile(r"<(?:table|h[23]).*?</(?:table|h[23])>", re.DOTALL)
    assert tables.findall(bare) == tables.findall(page)


def test_every_figure_is_on_the_page(page):
    text = Page(page).text
    for words in (
        *("Funnel", "Popularity", "Recent popularity", "item_cf alone", "after coarse"),
        *(word for term in METRICS.values() for word in term),
        *("without diversity", "+0.006", "+2.0%", "0.05, served", "at their own moment", "47.0%"),
        *("none: scores are for order only", "not recalled", "others were preferred", "1.2 MB"),
        *("In the middle of a visit", "1 and more", "0.188", "0.812"),
        *("Relevant items among them", "sex: f (", "Best channel alone", "crowd", "feature_24"),
        *("recall.ease", "half_life 30 d", "half_life none", "the default", "+0.040"),
        "It clearly loses for new users after 3, 5 events",
    ):
        assert words in text, words
    assert "feature_25" not in text
    assert "Hybrids" not in text


def test_optional_figures_are_shown_and_names_from_the_data_are_escaped(figures):
    judged = {"click": around(0.31), "value": around(0.222)}
    figures["hybrids"] = [
        {"name": "weighted <0.5>", "ndcg": around(0.28), "difference": around(-0.02)}
    ]
    figures["objectives"] = [
        {"model": "value", "weight": 0.25, "ndcg": judged},
        {"model": "blend", "weight": None, "ndcg": judged},
    ]
    figures["notes"].append("<script>alert(1)</script>")
    figures["attribution"]["channels"]["<b>bold</b>"] = {"own": 0.1, "unique": 0.0, "size": 3.0}
    figures["coarse"].append({"name": '<i>x</i> & "y"', "weight": 0.3})
    page = Page(render(figures))
    assert {"objectives", "hybrids"} <= set(page.ids)
    assert not page.tags & {"script", "b>bold<", "films"}
    for words in (
        *("What each objective costs", "click", "0.25", "0.222", "blend", "weighted <0.5>"),
        *("<script>alert(1)</script>", "Made-up <films>"),
    ):
        assert words in page.text, words


def test_what_the_data_did_not_allow_is_left_out(figures):
    for metrics in figures["methods"].values():
        metrics["diversity@10"] = metrics["diversity@20"] = NOTHING
    del figures["methods"]["recency_popularity"], figures["differences"]["recency_popularity"]
    for name in (
        "reach",
        "policies",
        "trade_off",
        "cold_curve",
        "calibration",
        "regimes",
        "visits",
    ):
        figures[name] = []
    figures["notes"], figures["features"], figures["coarse"] = [], [], []
    for name in ("history", "popularity", "attributes"):
        figures["segments"][name] = []
    page = Page(render(figures))
    assert "n/a" in page.words
    assert "Recent popularity" not in page.text.split("Glossary")[0]
    for words in (
        "policies",
        "new user is served",
        "in service",
        "probabilities?",
        "With more",
        "of a visit",
    ):
        assert words not in page.text, words
    assert all(link[1:] in page.ids or not link.startswith("#") for link in page.links)
    assert page.text.count("A simpler list was better on average in none of the groups") == 2


def test_missing_figures_and_a_folder_that_cannot_be_written_are_errors(figures, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match="taken"):
        write_report(figures, tmp_path / "taken")
    del figures["dataset"]["last"]
    with pytest.raises(UndefinedError, match="last"):
        render(figures)


def test_a_plot_has_a_label_that_is_escaped():
    with report_style():
        figure, _ = row_axes(["one"], 0.3)
        assert 'role="img" aria-label="&quot;A&quot; &lt; B"' in to_svg(figure, '"A" < B')


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


def test_figures_of_bundles_that_are_not_there_are_not_compared():
    empty = window()
    empty["differences"]["ndcg@10"] = NOTHING
    assert "there are no figures" in conclusion(comparison(empty))
    assert "n/a" in Page(bundle_comparison.render(comparison(empty))).words
    bare = comparison(methods={}, features={}, settings={}, seconds={}, gate="-")
    assert "its own window" in bundle_comparison.render(bare)


def test_the_page_of_two_bundles_shows_both_what_differs_and_escapes_texts():
    differs = {"features": {"age": 0.1, "hype": 0.9}, "settings": {"recall.als.size": 64}}
    result = comparison(window(), window(), **differs)
    page = bundle_comparison.render(result)
    assert page == bundle_comparison.render(result)
    assert page.count("<svg") == 3
    for words in ("v1", "v2", "hype", "cinema &lt;b&gt;", "Note &lt;i&gt;.", "trending alone"):
        assert words in page
    assert "Users without a history" in page
    for absent in ("<script", "src=", "recall.als.size"):
        assert absent not in page
