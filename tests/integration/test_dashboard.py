"""The dashboard of Grafana: its file, and what a real Prometheus answers to each of its queries."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from app.observe.metric_families import FAMILIES
from deploy.grafana.build_dashboard import FILE, PROVISIONED, dashboard_text
from tests.conftest import ROOT
from tests.prometheus import Prometheus, scraping
from tests.serving import Hosted, until

DASHBOARD: Mapping[str, Any] = json.loads(FILE.read_text())
PANELS: Sequence[Mapping[str, Any]] = [p for p in DASHBOARD["panels"] if p["type"] != "row"]
VARIABLES = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
SELECTED = ("bundle", "instance", "worker", "scene")  # in the order in which they depend
SELECTOR = re.compile(r"recfunnel_\w+\{[^}]*\}")
SCENE = "front-of-dashboard"
# Of what does not happen to this service, there is no series.
WITHOUT_SERIES = {
    *("archive_waiting", "archive_lost", "connections_closed", "gorse_feedback", "traces"),
    *("side_effects_failed", "drift_psi"),
}


def queries() -> list[tuple[str, str]]:
    """The title and the expression of every query, those of annotations included."""
    found = [(panel["title"], each["expr"]) for panel in PANELS for each in panel["targets"]]
    return found + [(each["name"], each["expr"]) for each in DASHBOARD["annotations"]["list"]]


def substitute(expression: str, values: Mapping[str, str]) -> str:
    """Replace the variables, as Grafana does."""
    for name, value in values.items():
        expression = re.sub(rf"\$(?:{name}\b|\{{{name}\}})", lambda _, v=value: v, expression)
    assert "$" not in expression
    return expression


def one_of(values: Sequence[str]) -> str:
    """The regular expression of several values, as Grafana writes it into a string of PromQL."""
    return f"({'|'.join(re.escape(value) for value in values)})".replace("\\", "\\\\")


def choices(prometheus: Prometheus, name: str, values: Mapping[str, str]) -> list[str]:
    """What can be selected for a variable."""
    text = VARIABLES[name]["query"]["query"]
    inner = re.fullmatch(r"query_result\((.*)\)", text)
    assert inner
    lines = [
        "{" + ",".join(f'{label}="{text}"' for label, text in series.items()) + f"}} {value}"
        for series, value in prometheus.query(substitute(inner[1], values))
    ]
    pattern = re.compile(VARIABLES[name]["regex"].strip("/"))
    return sorted({found[1] for line in lines if (found := pattern.search(line))})


def test_the_file_is_what_its_panels_give() -> None:
    assert FILE.read_text() == dashboard_text(), "run make docs"


def test_every_metric_is_in_a_panel() -> None:
    shown = set(re.findall(r"\brecfunnel_\w+", FILE.read_text()))
    families = {f"recfunnel_{family.name}" for family in FAMILIES}
    assert {name for name in families if not any(s.startswith(name) for s in shown)} == set()


def test_series_are_grouped_by_labels_that_the_metric_has() -> None:
    labels = {f"recfunnel_{family.name}": {*family.labels, "le"} for family in FAMILIES}
    pattern = r"by \(([^)]+)\) \((?:rate\()?(recfunnel_\w+?)(?:_bucket|_count|_sum|_total|\b)[{\[)]"
    groupings = [pair for _, text in queries() for pair in re.findall(pattern, text)]
    assert len(groupings) > 20
    for names, metric in groupings:
        assert set(names.split(", ")) <= labels[metric], metric


def test_the_latency_panels_draw_the_budget() -> None:
    drawn = {
        panel["title"]: panel["fieldConfig"]["overrides"][0]["matcher"]["options"]
        for panel in PANELS
        if any(each["legendFormat"] == "budget" for each in panel["targets"])
    }
    titles = ["Latency of /recommend", "p99 of other lists", "p99 of each stage"]
    assert drawn == dict.fromkeys(titles, "budget")


def test_panels_lie_beside_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_data_source_is_a_variable_that_begins_with_the_provisioned_one() -> None:
    folder = ROOT / "deploy/grafana/provisioning/datasources"
    (source,) = yaml.safe_load((folder / "prometheus.yml").read_text())["datasources"]
    assert {"text": source["name"], "value": source["uid"]} == PROVISIONED
    used = {json.dumps(each["datasource"]) for each in PANELS}
    used |= {json.dumps(each["datasource"]) for panel in PANELS for each in panel["targets"]}
    used |= {json.dumps(VARIABLES[name]["datasource"]) for name in SELECTED}
    assert used == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}


@pytest.fixture(scope="module")
def scraped(api: Hosted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a used service under two names, as if there were two."""
    address = api.client.base_url.netloc.decode()
    targets = [address, address.replace("127.0.0.1", "localhost")]
    with scraping(tmp_path_factory.mktemp("prometheus"), targets) as prometheus:
        for n in range(2):  # a rate needs a series, and then its growth
            use(api, n)
            prometheus.await_scrapes(2)
        yield prometheus


def use(api: Hosted, n: int) -> None:
    """Send what a dashboard is about: lists, events, items, and what is refused."""
    user = f"dashboard-{n}"
    for _ in range(5):
        shown = api.recommend(user, scene=SCENE, k=5)
    item, request_id = shown["items"][0]["item_id"], shown["request_id"]
    until(lambda: api.service.deployment.consumer.scene_of(request_id))
    event = {"user_id": user, "item_id": item, "request_id": request_id}
    late = {"user_id": user, "item_id": "i2", "type": "view", "timestamp": 1_000_000_000}
    api.tell(event | {"type": "click"}, event | {"type": "purchase"}, late)
    assert api.recommend(user, k=5, filter='category == "none"')["degraded"]
    for path in ("/popular", "/trending", "/items/i1/similar", "/items/i1/bought-together"):
        assert api.client.get(path).is_success
    assert api.client.put(f"/items/{user}", json={"title": "new"}).is_success
    assert api.client.delete(f"/items/{user}").is_success
    assert api.client.get("/recommend?k=0").status_code == 422
    assert api.client.get("/popular", headers={"host": "elsewhere"}).status_code == 400


@pytest.fixture(scope="module")
def everything() -> dict[str, str]:
    """The values of the variables when all is selected."""
    values = {name: VARIABLES[name]["allValue"] for name in SELECTED}
    return values | {"interval": VARIABLES["interval"]["current"]["value"]}


def test_the_variables_offer_what_there_is_to_select(
    scraped: Prometheus, everything: dict[str, str], api: Hosted
) -> None:
    address = api.client.base_url.netloc.decode()
    expected = {
        "bundle": [api.service.deployment.bundle.version],
        "instance": [address, address.replace("127.0.0.1", "localhost")],
    }
    for name, values in expected.items():
        assert set(values) <= set(choices(scraped, name, everything))
    assert SCENE in choices(scraped, "scene", everything)
    assert choices(scraped, "worker", everything)
    unknown = everything | {"bundle": "none"}
    assert choices(scraped, "instance", unknown) == []
    intervals = VARIABLES["interval"]["query"].split(",")
    assert everything["interval"] in intervals
    assert all(re.fullmatch(r"\d+[mh]", interval) for interval in intervals)


def test_every_query_has_an_answer_wherever_there_is_data(
    scraped: Prometheus, everything: dict[str, str]
) -> None:
    silent, missing = set(), set()
    for title, expression in queries():
        query = substitute(expression, everything)
        answer = scraped.query(query)  # or it is no PromQL
        selectors = SELECTOR.findall(query)
        assert selectors, title
        absent = {each.partition("{")[0] for each in selectors if not scraped.query(each)}
        missing |= absent
        if not answer and not absent:
            silent.add(title)
    assert silent <= {"New bundle"}
    families = {f"recfunnel_{family.name}": family.name for family in FAMILIES}
    names = {families[name.removesuffix("_total")] for name in missing if "events_" not in name}
    assert names <= WITHOUT_SERIES


def test_a_selection_narrows_every_query(scraped: Prometheus, everything: dict[str, str]) -> None:
    by_title = dict(queries())
    selected = dict(everything)
    for name in SELECTED:
        selected[name] = one_of(choices(scraped, name, everything)[:1])
    versions = [by_title["Versions"], by_title["Bundle and its workers"]]
    for query in versions:
        ((_, all_of_them),) = scraped.query(substitute(query, everything))
        ((_, one),) = scraped.query(substitute(query, selected))
        assert (all_of_them, one) == (2, 1)
    for title, expression in queries():
        scraped.query(substitute(expression, selected))
        nothing = selected | dict.fromkeys(SELECTED, "none")
        rest = scraped.query(substitute(expression, nothing))
        assert [value for _, value in rest if value] == [], title


def test_clicks_and_purchases_of_a_scene_are_shares(
    scraped: Prometheus, everything: dict[str, str]
) -> None:
    by_title = dict(queries())
    for title in ("Click-through rate by scene", "Conversions by scene"):
        answer = scraped.query(substitute(by_title[title], everything))
        shares = {labels["scene"]: value for labels, value in answer}
        assert 0 < shares[SCENE] < 1


def test_the_budget_is_that_of_the_settings(scraped: Prometheus, api: Hosted) -> None:
    values = {value for _, value in scraped.query("recfunnel_budget_seconds")}
    assert values == {api.service.settings.budget_ms / 1000}


def test_prometheus_reads_the_queries_of_the_page_of_metrics(scraped: Prometheus) -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    examples = [line for line in page.splitlines() if line.startswith("sum by (scene)")]
    assert len(examples) == 2
    for example in examples:
        assert scraped.query(example)
