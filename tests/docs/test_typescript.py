"""The TypeScript client is that of the service, and its built file is that of its sources."""

import re

import pytest

from app.main import create_app
from app.settings import Settings
from tests.docs import typescript
from tests.docs.test_client_matches import NOT_OF_THE_CLIENT
from tests.node import require_packages

STALE = "run make npm, then python -m tests.docs.typescript"


@pytest.fixture(scope="module")
def described():
    return create_app(Settings()).openapi()


def test_the_types_are_made_from_the_description_of_the_service(described):
    assert typescript.TYPES.read_text().startswith(typescript.head(described)), STALE


def test_the_types_are_generated_without_a_warning(described):
    require_packages()
    types, printed = typescript.generate_types(described)
    assert typescript.TYPES.read_text() == types, STALE
    assert not re.search(r"warn|error|⚠|✘", printed, flags=re.IGNORECASE), printed


def test_the_built_file_is_that_of_the_sources():
    require_packages()
    assert typescript.BUILT.read_text() == typescript.build(), STALE


def test_the_client_has_every_operation(described):
    source = (typescript.FOLDER / "src/client.ts").read_text()
    calls = set(re.findall(r'request\(\s*"(\w+)",\s*"([^"]+)"', source))
    operations = {
        (method, path)
        for path, methods in described["paths"].items()
        for method in methods
        if path not in NOT_OF_THE_CLIENT
    }
    assert calls == operations
