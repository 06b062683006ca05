"""The lists in ``docs/`` are complete, and name nothing that is not there."""

import re

import pytest

from app.contracts import SESSION_LENGTH
from app.features.channels import PLACE_OFFSET, SIGNAL_CEILING, SIGNAL_FLOOR
from app.features.similarity import NEAR_EVENTS
from app.features.views import CHANNELS, COARSE_VIEW, FINE_VIEW, PERSONAL_CHANNELS, column_names
from app.observe.metrics import Metrics
from app.recall.merge import RRF_OFFSET
from offline.report.feature_meanings import meaning
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


def test_every_feature_is_listed_in_order_and_no_other():
    assert tuple(name for name, _ in rows("reference/features.md")) == column_names(FINE_VIEW)


def test_every_feature_has_a_line_in_the_report_of_its_own():
    said = [meaning(name, "") for name in column_names(FINE_VIEW)]
    assert all(said)
    assert len(set(said)) == len(said)


def test_the_numbers_told_of_features_are_those_of_the_code():
    text = (DOCS / "reference/features.md").read_text()
    assert f"up to `{column_names(COARSE_VIEW)[-1]}`" in text
    assert f"1 / ({PLACE_OFFSET:g} + place" in text
    assert f"1 / ({RRF_OFFSET:g} + place" in text
    assert f"{SIGNAL_FLOOR:g} to {SIGNAL_CEILING:g}" in text
    assert f"at most {NEAR_EVENTS}" in text
    assert f"{SESSION_LENGTH / 60:g} minutes" in text


def test_every_channel_is_listed_in_order_with_its_file_and_no_other():
    told = list(rows("concepts/architecture.md"))
    assert [name for name, _ in told] == list(CHANNELS)
    assert all((ROOT / "app" / file.strip("`")).exists() for _, (file, *_) in told)
    personal = [name for name, (_, rests_on, _) in told if rests_on.startswith("the user's")]
    assert personal == list(PERSONAL_CHANNELS)


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
