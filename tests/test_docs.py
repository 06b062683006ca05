"""The lists in ``docs/`` are complete, and name nothing that is not there."""

import re

import orjson
import pytest
from pydantic import BaseModel

from app.columns.channels import PLACE_OFFSET, SIGNAL_CEILING, SIGNAL_FLOOR
from app.columns.taste import NEAR_EVENTS
from app.contracts import SESSION
from app.features import CHANNELS, COARSE_VIEW, FINE_VIEW, PERSONAL, names
from app.observe.metrics import Metrics
from app.recall.merge import RRF_OFFSET
from app.settings import CheckpointSettings, PolicySettings, Settings
from offline.evaluate.meanings import meaning
from tests.conftest import ROOT, hosted, leisurely

DOCS = ROOT / "docs"
DEMO_USER, DEMO_ITEMS = "196", ("50", "288")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def rows(page):
    """First cells of a page's tables, with the row's other cells."""
    for line in (DOCS / page).read_text().splitlines():
        if line.startswith("| `"):
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            yield re.findall("`([^`]+)`", first)[0], others


def settings(model: type[BaseModel], prefix=""):
    return {f"{prefix}{name}": field.get_default() for name, field in model.model_fields.items()}


ALL = (
    settings(Settings)
    | settings(CheckpointSettings, "checkpoints_ms.")
    | settings(PolicySettings, "policy.")
)


def test_every_setting_is_listed_and_no_other():
    assert [name for name, _ in rows("settings.md")] == list(ALL)


def test_the_defaults_of_settings_are_as_listed():
    for name, (default, _) in rows("settings.md"):
        if name not in {"redis_url", "checkpoints_ms", "policy", "policy.order"}:
            assert default == f"`{ALL[name]}`", name


def families():
    for family in Metrics()._registry.collect():
        yield family.name + ("_total" if family.type == "counter" else ""), family


def test_every_metric_is_listed_with_its_kind_and_no_other():
    listed = {name: kind for name, (kind, *_) in rows("metrics.md")}
    assert listed == {name: family.type for name, family in families()}


def test_the_labels_of_metrics_are_as_listed():
    collectors = Metrics()._registry._names_to_collectors
    for name, (_, labels, _) in rows("metrics.md"):
        collector = collectors[name]
        assert re.findall("`([^`]+)`", labels) == list(collector._labelnames), name


def test_every_feature_is_listed_in_order_and_no_other():
    assert tuple(name for name, _ in rows("features.md")) == names(FINE_VIEW)


def test_every_feature_has_a_line_in_the_report_of_its_own():
    said = [meaning(name, "") for name in names(FINE_VIEW)]
    assert all(said)
    assert len(set(said)) == len(said)


def test_the_numbers_told_of_features_are_those_of_the_code():
    text = (DOCS / "features.md").read_text()
    assert f"up to `{names(COARSE_VIEW)[-1]}`" in text
    assert f"1 / ({PLACE_OFFSET:g} + place" in text
    assert f"1 / ({RRF_OFFSET:g} + place" in text
    assert f"{SIGNAL_FLOOR:g} to {SIGNAL_CEILING:g}" in text
    assert f"at most {NEAR_EVENTS}" in text
    assert f"{SESSION / 60:g} minutes" in text


def test_every_channel_is_listed_in_order_with_its_file_and_no_other():
    told = list(rows("architecture.md"))
    assert [name for name, _ in told] == list(CHANNELS)
    assert all((ROOT / "app" / file.strip("`")).exists() for _, (file, *_) in told)
    personal = [name for name, (_, rests_on, _) in told if rests_on.startswith("the user's")]
    assert personal == list(PERSONAL)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name
)
def test_every_link_between_pages_leads_somewhere(page):
    if not page.exists():
        pytest.skip("not written yet")
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def operations(told):
    """Every method and path of the application, with what OpenAPI says of it."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield (method.upper(), path), operation


def shown_requests():
    """Method and path of every curl command in the pages."""
    for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md"))):
        text = page.read_text().replace("\\\n", " ")
        for command in re.findall(r"curl .*", text):
            path = re.search(r"http://127\.0\.0\.1:8000(/[^\s'\"?]*)", command)
            assert path, f"{page.name}: {command} does not ask the service of the demo"
            yield page.name, method(command), path[1]


def method(command):
    said = re.search(r"-X (\w+)", command)
    has_body = re.search(r" (-d|--data-binary) ", command) and " -sG " not in command
    return said[1] if said else "POST" if has_body else "GET"


def names_path(template, path):
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)


def test_every_operation_has_an_example_in_the_pages(api):
    told = api.client.get("/openapi.json").json()
    shown = {(method, path) for _, method, path in shown_requests()}
    for (method, template), _ in operations(told):
        assert any(m == method and names_path(template, p) for m, p in shown), (method, template)


def test_every_example_in_the_pages_asks_for_what_there_is(api):
    there = [one for one, _ in operations(api.client.get("/openapi.json").json())]
    for page, method, path in shown_requests():
        assert any(m == method and names_path(t, path) for m, t in there), (page, method, path)


def bodies(told, operation):
    """Content type and examples of an operation's body; None where it takes none."""
    if "requestBody" not in operation:
        return None
    found = []
    for kind, content in operation["requestBody"]["content"].items():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        schema = told["components"]["schemas"].get(name, {})
        examples = [content["example"]] if "example" in content else schema.get("examples", [])
        found += [(kind, example) for example in examples] or [(kind, None)]
    return found


def parameters(operation):
    """Examples of the parameters that must be given, by where they are."""
    given = {"path": {}, "query": {}}
    for parameter in operation.get("parameters", []):
        if parameter["required"]:
            given[parameter["in"]][parameter["name"]] = parameter["schema"].get("example")
    return given


def test_every_body_and_every_required_parameter_has_an_example_that_docs_fill_in(api):
    told = api.client.get("/openapi.json").json()
    for one, operation in operations(told):
        for kind, example in bodies(told, operation) or []:
            assert example is not None, (one, kind)
        for given in parameters(operation).values():
            assert None not in given.values(), (one, given)


def test_the_examples_of_docs_work_unchanged(out, redis_url):
    with hosted(leisurely(out=out, redis_url=redis_url)) as service:
        for item in DEMO_ITEMS:  # they are of the demo's data
            assert service.client.put(f"/items/{item}", json={"categories": ["Drama"]}).is_success
        liked = {"user_id": DEMO_USER, "item_id": "i1", "type": "like"}
        assert service.client.post("/events", json=liked).is_success
        told = service.client.get("/openapi.json").json()
        for (method, template), operation in operations(told):
            given = parameters(operation)
            path = template.format(**given["path"])
            for kind, body in bodies(told, operation) or [("", None)]:
                content = body if isinstance(body, str) else body and orjson.dumps(body)
                headers = {"Content-Type": kind} if kind else {}
                answer = service.client.request(
                    method, path, params=given["query"], content=content, headers=headers
                )
                assert answer.is_success, (method, path, body, answer.text)
