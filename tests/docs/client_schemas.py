"""Writes the types of the Python client from the OpenAPI description of the service.

python -m tests.docs.client_schemas
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from app.main import create_app
from app.settings import Settings
from tests.conftest import ROOT

PACKAGE = ROOT / "clients/python/src/recfunnel_client"
SENT = ("InlineEvent", "EventIn", "ItemBody", "ItemIn", "UserIn")  # bodies that callers write
ANSWERS_HEAD = '''"""The answers of the service. Generated from its OpenAPI description."""

from dataclasses import dataclass, field
from typing import Any, Literal
'''
BODIES_HEAD = '''"""What callers send. Generated from the OpenAPI description."""

from typing import TypedDict
'''
PLAIN = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}


def answers_module(api: Mapping[str, Any]) -> str:
    """Return the module of the answers: a frozen dataclass for each schema of an answer."""
    schemas = api["components"]["schemas"]
    names = sorted(_reachable(schemas, _answer_schemas(api)))
    ordered = sorted(names, key=lambda name: (_depth(schemas, name), name))
    return _formatted(ANSWERS_HEAD + "".join(_dataclass(n, schemas[n]) for n in ordered))


def bodies_module(api: Mapping[str, Any]) -> str:
    """Return the module of the bodies: a typed dictionary for each that callers write."""
    schemas = api["components"]["schemas"]
    return _formatted(BODIES_HEAD + "".join(_typed_dict(name, schemas[name]) for name in SENT))


def _answer_schemas(api: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schema of every answer in JSON: of each success, and of the error."""
    yield {"$ref": "#/components/schemas/ErrorBody"}
    for operations in api["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if content and status.startswith("2"):
                    yield content["schema"]


def _reachable(schemas: Mapping[str, Any], schemas_to_search: Any) -> set[str]:
    """Return the names of the schemas that these refer to, directly or by others."""
    names: set[str] = set()
    new = _references(list(schemas_to_search))
    while new:
        names |= new
        new = _references([schemas[name] for name in new]) - names
    return names


def _references(part: Any) -> set[str]:
    """Return the names of the schemas to which a part of the description refers."""
    if isinstance(part, dict):
        own = {part["$ref"].rpartition("/")[2]} if "$ref" in part else set()
        return own.union(*map(_references, part.values()))
    return set().union(*map(_references, part)) if isinstance(part, list) else set()


def _depth(schemas: Mapping[str, Any], name: str) -> int:
    return 1 + max((_depth(schemas, n) for n in _references(schemas[name])), default=0)


def _dataclass(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    properties = schema["properties"]
    lines = [f"{p}: {_type(properties[p])}" for p in properties if p in required]
    lines += [f"{p}: {_optional(s)}" for p, s in properties.items() if p not in required]
    if schema.get("additionalProperties") is True:
        extra = 'field(default_factory=dict, metadata={"others": True})'
        lines.append(f"figures: dict[str, Any] = {extra}")
    return f"@dataclass(frozen=True)\nclass {name}:\n{_body(schema, lines)}"


def _typed_dict(name: str, schema: Mapping[str, Any]) -> str:
    """Return the dictionary's class, and a base of it if some keys must be there."""
    required = schema.get("required", [])
    keys = {p: f"{p}: {_type(s)}" for p, s in schema["properties"].items()}
    base = "TypedDict"
    text = ""
    if required:
        base = f"{name}Required"
        doc = {"description": f"The keys that ``{name}`` must have."}
        text = f"class {base}(TypedDict):\n{_body(doc, [keys[p] for p in required])}"
    others = [line for p, line in keys.items() if p not in required]
    return f"{text}class {name}({base}, total=False):\n{_body(schema, others)}"


def _body(schema: Mapping[str, Any], lines: list[str]) -> str:
    summary = schema["description"].partition("\n")[0]
    return "".join(f"    {line}\n" for line in [f'"""{summary}"""', "", *lines])


def _optional(schema: Mapping[str, Any]) -> str:
    kind = _type(schema)
    if "None" in kind.split(" | "):
        return f"{kind} = None"
    container = kind.partition("[")[0]
    if container not in {"list", "dict"} or " | " in kind:
        return f"{kind} | None = None"
    return f"{kind} = field(default_factory={container})"


def _type(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return f"Literal[{', '.join(map(json.dumps, schema['enum']))}]"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list[{_type(schema['items'])}]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"dict[str, {_type(values) if isinstance(values, dict) else 'Any'}]"
    return PLAIN[kind]


def _formatted(source: str) -> str:
    command = [sys.executable, "-m", "ruff", "format", "--line-length", "100", "-"]
    return subprocess.run(
        command, input=source, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout


MODULES = {"answers.py": answers_module, "bodies.py": bodies_module}


if __name__ == "__main__":
    api = create_app(Settings()).openapi()
    for module, build in MODULES.items():
        (PACKAGE / module).write_text(build(api))
