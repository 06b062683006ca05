"""The lists in ``docs/`` are complete, and name nothing that is not there."""

import re

import pytest

from app.features import views
from app.recall import registry
from offline.report.settings_reference import policies_table, settings_page, with_table
from tests.conftest import ROOT
from tests.docs import reference

DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def test_the_page_of_settings_is_generated_from_their_declarations():
    page = (DOCS / "reference" / "settings.md").read_text()
    assert page == settings_page(), "run python -m offline.report.settings_reference"


def test_the_table_of_policies_is_generated_from_the_registry():
    page = (DOCS / "guides" / "policies.md").read_text()
    is_current = with_table(page, policies_table()) == page
    assert is_current, "run python -m offline.report.settings_reference"


@pytest.mark.parametrize("page", reference.PAGES)
def test_the_pages_of_http_commands_and_metrics_are_generated_from_the_code(page):
    text = (DOCS / "reference" / page).read_text()
    assert text == reference.PAGES[page](), "run python -m tests.docs.reference"


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
