"""Writes the pages that are generated from the code; ``make docs`` runs it.

python -m tests.docs.reference
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from typer.cli import get_docs_for_click
from typer.main import get_command

from app.features import views
from app.main import create_app
from app.observe.metric_families import FAMILIES
from app.recall import registry
from app.settings import Settings
from offline import cli
from tests.conftest import ROOT
from tests.docs.settings_reference import policies_table, settings_page, with_table

DOCS = ROOT / "docs"
HTTP_HEAD = """# HTTP

*Generated from the OpenAPI description of the service by `make docs`.*

A running service has the same description, with examples to try, at `/docs`, and as JSON at
`/openapi.json`. Each operation has an `operationId` and the schemas of its bodies and answers, so
`openapi-typescript` and `openapi-python-client` generate clients from it without a warning, and
`redocly lint` finds nothing. `openapi-python-client` knows no NDJSON: its `--config` needs
`content_type_overrides: {application/x-ndjson: application/octet-stream}`.

Every error has one form, whatever its status:

```json
{"error": {"code": "invalid", "message": "k has to be at least 1", "field": "k"}}
```

| status | code | meaning |
|---|---|---|
| 404 | `not_found` | the user, the item or the path does not exist |
| 409 | `conflict` | what is there already does not allow it |
| 413 | `too_large` | the body is larger than the service accepts |
| 422 | `invalid` | a parameter or a field is not valid; `field` names it |
| 500 | `internal` | an error in the service; its log has the traceback |
| 503 | `unavailable` | no bundle, no store, or too many requests; see `Retry-After` |
| 507 | `full` | no row is left for a new item |
"""
GORSE_HEAD = """# HTTP, Gorse's API

*Generated from the OpenAPI description of the service by `make docs`.*

The service answers these with `gorse_api = true`; see [moving from Gorse](../guides/gorse.md).
Errors are plain text.
"""
CLI_HEAD = """# Command line

*Generated from the commands by `make docs`.*

Every option also has a line in `recfunnel COMMAND --help`. Exit codes: 0 success, 1 an error that
one sentence explains, 2 a wrong option, 3 a bundle that the gate refused, 4 another training runs.

"""


def http_page() -> str:
    """Return the page of all endpoints, without Gorse's."""
    return "\n".join([HTTP_HEAD, *_endpoints(Settings())])


def gorse_http_page() -> str:
    """Return the page of the endpoints of Gorse's API."""
    return "\n".join([GORSE_HEAD, *_endpoints(Settings(gorse_api=True), only="gorse")])


def _endpoints(settings: Settings, only: str = "") -> Iterator[str]:
    """Yield a section of each tag, or of one."""
    api = create_app(settings).openapi()
    groups: dict[str, list[str]] = {}
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            lines = "\n".join(_operation(f"{method.upper()} {path}", operation, api))
            groups.setdefault(operation["tags"][0], []).append(lines)
    for tag, sections in groups.items():
        if only in {"", tag}:
            yield f"## {tag.capitalize()}\n\n" + "\n".join(sections)


def metrics_page() -> str:
    """Return the page of all metrics, its table new."""
    rows = "".join(
        f"| `{one.full_name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} "
        f"| {one.meaning} |\n"
        for one in FAMILIES
    )
    table = f"\n| metric | kind | labels | meaning |\n|---|---|---|---|\n{rows}"
    return with_table((DOCS / "reference" / "metrics.md").read_text(), table)


def cli_page() -> str:
    """Return the page of all commands."""
    context = get_command(cli.app).make_context("recfunnel", [], resilient_parsing=True)
    text = get_docs_for_click(obj=get_command(cli.app), ctx=context, name="recfunnel")
    start = text.index("## `recfunnel ")
    return CLI_HEAD + text[start:].replace("&gt;", ">").replace("&lt;", "<").rstrip() + "\n"


def _operation(name: str, operation: Mapping[str, Any], api: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield f"{operation['summary']}. {operation.get('description', '')}\n"
    rows = [
        _row(one["name"], one["schema"], one.get("required"), one["in"])
        for one in operation.get("parameters", ())
    ]
    rows += _body_rows(operation, api)
    if rows:
        yield "| name | in | type | default | meaning |\n|---|---|---|---|---|"
        yield from rows
        yield ""
    yield f"Status: {', '.join(operation['responses'])}.\n"


def _body_rows(operation: Mapping[str, Any], api: Mapping[str, Any]) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = content.get("schema", {})
    schema = schema.get("anyOf", [schema])[-1]  # of a list or one record, that of the record
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = api["components"]["schemas"].get(name, {})
    for field, of in schema.get("properties", {}).items():
        yield _row(field, of, field in schema.get("required", ()), "body")


def _row(name: str, schema: Mapping[str, Any], is_required: bool | None, place: str) -> str:
    default = "required" if is_required else _code(schema.get("default"))
    meaning = schema.get("description", "").replace("|", "\\|").replace("\n", " ")
    return f"| `{name}` | {place} | {_type(schema)} | {default} | {meaning} |"


def _code(value: object) -> str:
    return "" if value in (None, "", [], {}) else f"`{value}`".lower()


def _type(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = [_type(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        return "object"
    kind = schema.get("type", "any")
    if kind == "array":
        kind = f"list of {_type(schema.get('items', {}))}"
    bounds = {
        "minimum": "at least {:g}",
        "maximum": "at most {:g}",
        "maxItems": "at most {:,}",
        "maxLength": "at most {:,} characters",
    }
    limits = [text.format(schema[key]) for key, text in bounds.items() if key in schema]
    return ", ".join([kind, *limits])


def policies_page() -> str:
    """Return the guide of policies with its current table."""
    return with_table((DOCS / "guides/policies.md").read_text(), policies_table())


PAGES: dict[str, Callable[[], str]] = {
    "reference/http.md": http_page,
    "reference/gorse-http.md": gorse_http_page,
    "reference/cli.md": cli_page,
    "reference/metrics.md": metrics_page,
    "reference/settings.md": settings_page,
    "reference/features.md": views.render_page,
    "reference/channels.md": registry.render_page,
    "guides/policies.md": policies_page,
}


if __name__ == "__main__":
    for page, build in PAGES.items():
        (DOCS / page).write_text(build())
