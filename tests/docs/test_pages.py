"""The lists in ``docs/`` are complete, and name nothing that is not there."""

import re

import pytest

from app.features import views
from app.observe.metrics import Metrics
from app.recall import registry
from offline.report.settings_reference import policies_table, settings_page, with_table
from tests.conftest import ROOT

DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def rows(page):
    """First cells of a page's tables, with the row's other cells."""
    for line in (DOCS / page).read_text().splitlines():
        if line.startswith("| `"):
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            yield re.findall("`([^`]+)`", first)[0], others


def test_the_page_of_settings_is_generated_from_their_declarations():
    page = (DOCS / "reference" / "settings.md").read_text()
    assert page == settings_page(), "run python -m offline.report.settings_reference"


def test_the_table_of_policies_is_generated_from_the_registry():
    page = (DOCS / "guides" / "policies.md").read_text()
    is_current = with_table(page, policies_table()) == page
    assert is_current, "run python -m offline.report.settings_reference"


def families():
    for family in Metrics()._registry.collect():
        yield family.name + ("_total" if family.type == "counter" else ""), family


def test_every_metric_is_listed_with_its_kind_and_no_other():
    listed = {name: kind for name, (kind, *_) in rows("reference/metrics.md")}
    assert listed == {name: family.type for name, family in families()}


def test_the_labels_of_metrics_are_as_listed():
    collectors = Metrics()._registry._names_to_collectors
    for name, (_, labels, _) in rows("reference/metrics.md"):
        collector = collectors[name]
        assert re.findall("`([^`]+)`", labels) == list(collector._labelnames), name


def test_the_page_of_features_is_generated_from_their_declarations():
    page = (DOCS / "reference" / "features.md").read_text()
    assert page == views.render_page(), (
        "run python -m app.features.views > docs/reference/features.md"
    )


def test_the_page_of_channels_is_generated_from_the_registry():
    page = (DOCS / "reference" / "channels.md").read_text()
    assert page == registry.render_page(), (
        "run python -m app.recall.registry > docs/reference/channels.md"
    )


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))],
    ids=lambda page: page.name,
)
def test_every_link_between_pages_leads_somewhere(page):
    if not page.exists():
        pytest.skip("not written yet")
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target
