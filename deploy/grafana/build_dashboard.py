"""Write Grafana's dashboard from ``panels.toml``: ``python -m deploy.grafana.build_dashboard``.

Panels flow from left to right in their rows. Each metric is narrowed to what the variables of the
dashboard select, for the labels that it has. ``make docs`` runs this.
"""

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.observe.metric_families import FAMILIES

PANELS = Path(__file__).with_name("panels.toml")
FILE = Path(__file__).with_name("dashboards") / "recfunnel.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
PROVISIONED = {"text": "Prometheus", "value": "prometheus"}  # as provisioning/datasources names it
COLUMNS, WIDTH = 24, 8
HEIGHTS = {"stat": 4, "timeseries": 8}
INTERVALS, DEFAULT_INTERVAL = ("1m", "5m", "15m", "1h", "6h"), "5m"
METRIC = re.compile(r"\b(recfunnel_\w+)(?:\{([^}]*)\})?")
LABELS = {f"recfunnel_{one.name}": one.labels for one in FAMILIES}
SERIES_ENDS = ("_total", "_bucket", "_count", "_sum")
# The variable that selects the values of a label; every metric has an instance.
VARIABLES = {"instance": "instance", "worker": "worker", "scene": "scene"}
BUNDLE_LABEL = ("recfunnel_bundle_workers", "version")  # the build has a label of the same name
BUDGET = "budget"  # the legend of the line that latencies are compared with


def narrow(query: str) -> str:
    """Return a query whose every metric is limited to what the variables select."""

    def limit(found: re.Match[str]) -> str:
        name = family_of(found[1])
        labels = [label for label in ("instance", *LABELS[name]) if label in VARIABLES]
        matchers = [f'{label}=~"${VARIABLES[label]}"' for label in labels]
        if name == BUNDLE_LABEL[0]:
            matchers.append(f'{BUNDLE_LABEL[1]}=~"$bundle"')
        matchers += [found[2]] if found[2] else []
        return f"{found[1]}{{{', '.join(matchers)}}}"

    return METRIC.sub(limit, query)


def family_of(series: str) -> str:
    """Return the name of the metric that a series belongs to."""
    names = (series, *(series.removesuffix(end) for end in SERIES_ENDS))
    return next(name for name in names if name in LABELS)


def build_panels(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a line with the title of each row, then its panels, each in its place."""
    y = 0
    for row in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        title = row["title"]
        yield {"type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        x, y, height = 0, y + 1, 0
        for panel in row["panels"]:
            width = panel.get("width", WIDTH)
            if x + width > COLUMNS:
                x, y = 0, y + height
            height = HEIGHTS[panel.get("kind", "timeseries")]
            yield build_panel(panel, {"x": x, "y": y, "w": width, "h": height})
            x += width
        y += height


def build_panel(panel: Mapping[str, Any], place: Mapping[str, int]) -> dict[str, Any]:
    """Return one panel as Grafana has it, without its number."""
    kind, queries = panel.get("kind", "timeseries"), panel["queries"]
    return {
        "type": kind,
        "title": panel["title"],
        "description": panel.get("description", ""),
        "gridPos": place,
        "datasource": SOURCE,
        "fieldConfig": {
            "defaults": field_defaults(panel, kind),
            "overrides": [budget_line() for query in queries if query["legend"] == BUDGET],
        },
        "options": OPTIONS[kind],
        "targets": [
            {
                "refId": chr(ord("A") + n),
                "datasource": SOURCE,
                "expr": narrow(query["expr"]),
                "legendFormat": query["legend"],
            }
            for n, query in enumerate(queries)
        ],
    }


OPTIONS = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "none"},
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}


def field_defaults(panel: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the unit, the axis, the bound and the look of a panel."""
    defaults: dict[str, Any] = {"unit": panel["unit"], "min": 0}
    if "highest" in panel:
        defaults["max"] = panel["highest"]
    if "bound" in panel:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel["bound"]}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    if kind == "timeseries":
        is_stacked = panel.get("stacked", False)
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 60 if is_stacked else 0,
            "showPoints": "never",
            "stacking": {"mode": "normal" if is_stacked else "none"},
            "thresholdsStyle": {"mode": "line" if "bound" in panel else "off"},
        }
    return defaults


def budget_line() -> dict[str, Any]:
    """Return what draws the budget as a dashed red line."""
    look = {
        "custom.lineStyle": {"fill": "dash", "dash": [10, 10]},
        "color": {"mode": "fixed", "fixedColor": "red"},
    }
    properties = [{"id": name, "value": value} for name, value in look.items()]
    return {"matcher": {"id": "byName", "options": BUDGET}, "properties": properties}


def build_variables() -> Iterator[dict[str, Any]]:
    """Yield the variables, each after those that its values depend on."""
    yield {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": PROVISIONED,
    }
    yield variable("bundle", "Bundle", "recfunnel_bundle_workers", "version")
    served = 'recfunnel_bundle_workers{version=~"$bundle"} > 0'
    yield variable("instance", "Instance", served, "instance")
    started = 'recfunnel_process_start_time_seconds{instance=~"$instance"}'
    yield variable("worker", "Worker", started, "worker")
    yield variable("scene", "Scene", 'recfunnel_lists_shown_total{instance=~"$instance"}', "scene")
    yield {
        "name": "interval",
        "label": "Rates over",
        "type": "interval",
        "query": ",".join(INTERVALS),
        "auto": False,
        "options": [
            {"text": one, "value": one, "selected": one == DEFAULT_INTERVAL} for one in INTERVALS
        ],
        "current": {"text": DEFAULT_INTERVAL, "value": DEFAULT_INTERVAL},
    }


def variable(name: str, title: str, series: str, label: str) -> dict[str, Any]:
    """Return a variable with the values of a label. Several, or all, may be selected."""
    query = f"query_result(count by ({label}) ({series}))"
    return {
        "name": name,
        "label": title,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "regex": f'/{label}="([^"]*)"/',
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def build_dashboard() -> dict[str, Any]:
    """Return the whole dashboard."""
    rows = tomllib.loads(PANELS.read_text("utf-8"))["rows"]
    new_bundle = narrow("changes(recfunnel_bundle_created_timestamp_seconds[1m]) > 0")
    return {
        "uid": "recfunnel",
        "title": "recfunnel",
        "tags": ["recfunnel"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 2,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "editable": False,
        "templating": {"list": list(build_variables())},
        "annotations": {
            "list": [
                {
                    "name": "New bundle",
                    "datasource": SOURCE,
                    "enable": True,
                    "iconColor": "blue",
                    "expr": new_bundle,
                    "step": "60s",
                    "titleFormat": "New bundle on {{instance}}",
                }
            ]
        },
        "panels": [{"id": n, **panel} for n, panel in enumerate(build_panels(rows), start=1)],
    }


def dashboard_text() -> str:
    """Return the text of the file."""
    return json.dumps(build_dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(dashboard_text(), "utf-8")
    sys.stdout.write(f"wrote {FILE.name}\n")
