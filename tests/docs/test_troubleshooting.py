"""Every sentence that the page of troubleshooting quotes is one of the code."""

import ast
import re

import pytest

from tests.conftest import ROOT

QUOTE = re.compile(r"^\| ``(.+?) ?`` \|", flags=re.MULTILINE)
PAGE = (ROOT / "docs/guides/troubleshooting.md").read_text()


def text_of(node):
    """The text of a string, with … for what is filled in; None for other nodes."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "…" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@pytest.fixture(scope="module")
def sentences():
    """All texts of the product. Parts that are added to others count on their own."""
    trees = (
        ast.parse(path.read_text())
        for package in ("app", "offline")
        for path in (ROOT / package).rglob("*.py")
    )
    return "\n".join(text for tree in trees for text in map(text_of, ast.walk(tree)) if text)


def test_the_page_quotes_sentences():
    assert len(QUOTE.findall(PAGE)) > 25


@pytest.mark.parametrize("quote", QUOTE.findall(PAGE))
def test_a_quoted_sentence_is_in_the_code(quote, sentences):
    assert quote in sentences
