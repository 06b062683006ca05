"""The pages agree with the code, and their links and paths lead somewhere."""

import re

import pytest

from tests.conftest import ROOT
from tests.docs.reference import DOCS, PAGES

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)#?([^)\s]*)\)")
PATH = re.compile(r"`((?:app|offline|tests|benchmarks|loadtest|deploy|docs)/[\w./-]*\w)/?`")
HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)
TEXTS = [*ROOT.glob("*.md"), ROOT / "benchmarks/README.md", *sorted(DOCS.rglob("*.md"))]
each_page = pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page):
    """The anchors of a page's headings, as MkDocs builds them."""
    for heading in HEADING.findall(page.read_text()):
        text = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        yield re.sub(r"[-\s]+", "-", text)


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_that_of_the_code(page):
    assert (DOCS / page).read_text() == PAGES[page](), "run make docs"


@each_page
def test_every_link_between_pages_leads_somewhere(page):
    for target, anchor in LINK.findall(page.read_text()):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


@each_page
def test_every_path_in_a_page_exists(page):
    missing = [path for path in PATH.findall(page.read_text()) if not (ROOT / path).exists()]
    assert not missing


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    assert [page for page in map(str, _pages()) if page not in navigation] == []


def _pages():
    return (page.relative_to(DOCS) for page in DOCS.rglob("*.md"))
