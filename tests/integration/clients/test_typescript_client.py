"""The TypeScript client against a real service: its tests, and the examples of its pages."""

import re

import pytest

from tests.conftest import ROOT
from tests.docs.typescript import BUILT, FOLDER
from tests.integration.clients.conftest import KEY
from tests.node import require_node, run_node


def test_the_client_does_what_its_tests_say(url):
    told = {"SERVICE_URL": url, "SERVICE_KEY": KEY, "CLIENT_FILE": str(BUILT)}
    output = run_node(require_node(), FOLDER / "test/client.test.js", **told)
    assert re.search(r"^# fail 0$", output, flags=re.MULTILINE), output
    assert re.search(r"^# skipped 0$", output, flags=re.MULTILINE), output


@pytest.mark.parametrize("page", ["docs/guides/clients.md", "clients/typescript/README.md"])
def test_the_examples_of_the_pages_work(page, url, tmp_path):
    examples = re.findall(r"```(?:js|ts)\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    assert examples
    names = []
    for number, example in enumerate(examples):
        script = example.replace('"http://127.0.0.1:8000"', f'"{url}", {{ apiKey: "{KEY}" }}')
        script = script.replace('"recfunnel-client"', f'"{BUILT.as_uri()}"')
        names.append(f"{number}.mjs")
        (tmp_path / names[-1]).write_text(script)
    all_of_them = tmp_path / "all.mjs"
    all_of_them.write_text("".join(f'await import("./{name}");\n' for name in names))
    run_node(require_node(), all_of_them)
