"""Parse JSON as it is exported: lines, one array, MongoDB's types, and lines of Python."""

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import orjson

Row: TypeAlias = tuple[int, bytes, dict[str, Any] | None]  # number from 1, text, and the object

LIST_SEPARATOR = "|"  # joins a list to one text, as in the MovieLens files
NOT_FINITE = re.compile(rb"\b(?:NaN|-?Infinity)\b")
PYTHON_DICT = re.compile(rb"\s*\{\s*u?'")
MAX_PYTHON_BYTES = 1_000_000  # of one line: the parser of Python is slow and takes much memory
MAX_NESTING = 3  # levels of inner objects that become columns
MAX_INNER_FIELDS = 20  # an object with more different fields in the file stays whole
KEPT_WHOLE = frozenset({"context"})  # ``events import`` passes it on as an object
MONGO_NUMBERS = ("$numberLong", "$numberInt", "$numberDouble", "$numberDecimal")
MONGO_TYPES = frozenset({"$oid", "$date", "$uuid", "$symbol", *MONGO_NUMBERS})


def parse_rows(raw: bytes) -> list[Row]:
    """Return the objects of a file; None for what is no object.

    The file has one object a line, or is one array of objects, or an object that holds one. An
    object may also go on over several lines.
    """
    text = raw.strip()
    if text[:1] == b"[":
        whole = _parse(text)
        if isinstance(whole, list):
            return _number(whole)
    rows = list(_lines(text, raw))
    if len(rows) == 1 and rows[0][2] is not None:
        inner = _inner_list(rows[0][2])
        return rows if inner == [rows[0][2]] else _number(inner)
    if any(row is not None for _, _, row in rows):
        return rows
    whole = _parse(text)
    if isinstance(whole, dict):
        return _number(_inner_list(whole))
    return _number(list(_objects(text))) or rows


def flatten_objects(rows: list[Row]) -> list[Row]:
    """Replace inner objects by their fields: ``{"user": {"id": 1}}`` becomes ``user.id``.

    An object with many different fields, or that is passed on as an object, stays whole.
    """
    for _ in range(MAX_NESTING):
        fields: dict[str, set[str]] = {}
        for _, _, row in rows:
            for name, value in (row or {}).items():
                if _is_inner(name, value):
                    fields.setdefault(name, set()).update(map(str, value))
        few = {name for name, inner in fields.items() if len(inner) <= MAX_INNER_FIELDS}
        if not few:
            break
        rows = [(number, text, row and _flat(row, few)) for number, text, row in rows]
    return rows


def _is_inner(name: str, value: object) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and name not in KEPT_WHOLE
        and isinstance(_plain_value(value), dict)
    )


def _flat(row: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name in names and _is_inner(name, value):
            flat |= {f"{name}.{inner}": one for inner, one in value.items()}
        else:
            flat[name] = value
    return flat


def text_of(value: object) -> str | None:
    """Return a value as the text that a delimited file would have; None if it is absent."""
    if isinstance(value, dict):
        value = _plain_value(value)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _valid(value)
    if isinstance(value, (list, tuple)):
        return _list_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError):  # integers over 64 bits, lone surrogates
        return _valid(str(value))


def _lines(text: bytes, raw: bytes) -> Iterator[Row]:
    lead = raw[: len(raw) - len(raw.lstrip())].count(b"\n")
    for number, line in enumerate(text.split(b"\n"), start=lead + 1):
        plain = line.strip()
        if plain in {b"[", b"]"} or not plain:
            continue
        parsed = _parse(plain)
        if parsed is None and plain.endswith(b","):
            parsed = _parse(plain[:-1])
        yield number, plain, parsed if isinstance(parsed, dict) else None


def _parse(text: bytes) -> Any:
    """Return the value of JSON, of JSON with NaN, or of a Python literal; None if it is neither."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        if NOT_FINITE.search(text):
            return _as_json(json.loads(text.decode("utf-8", "replace")))
        if PYTHON_DICT.match(text) and len(text) <= MAX_PYTHON_BYTES:
            return _as_json(ast.literal_eval(text.decode("utf-8", "replace").strip()))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return None


def _as_json(value: object) -> Any:
    """Return a value of Python as JSON has it: texts as keys, and null for NaN.

    Raises:
        TypeError: It has an integer over 64 bits, or text that is not Unicode.
    """
    return orjson.loads(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))


def _number(values: list[Any]) -> list[Row]:
    """Number the values of an array from 1."""
    rows: list[Row] = []
    for number, value in enumerate(values, start=1):
        row = {str(k): v for k, v in value.items()} if isinstance(value, dict) else None
        rows.append((number, (text_of(value) or "").encode(), row))
    return rows


def _inner_list(whole: Mapping[str, Any]) -> list[Any]:
    """Return the only list of objects in an object, the rows of columns, or the object alone."""
    lists = [v for v in whole.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    if len(lists) == 1 and not any(name.lower().endswith("id") for name in whole):
        return lists[0]
    columns = list(whole.values())
    indexes = {_index_of(column) for column in columns}
    if len(indexes) != 1 or None in indexes or len(columns) < 2:  # noqa: PLR2004
        return [whole]
    if isinstance(columns[0], dict):  # as pandas writes it
        keys = list(columns[0])
        return [{name: column[key] for name, column in whole.items()} for key in keys]
    rows = zip(*columns, strict=True) if isinstance(columns[0], list) else ()
    return [dict(zip(whole, row, strict=True)) for row in rows] or [whole]


def _index_of(column: object) -> object:
    """Return what the columns of one table have in common; a single value is no column."""
    if isinstance(column, dict) and len(column) > 1:
        return tuple(column)
    return len(column) if isinstance(column, list) and len(column) > 1 else None


def _objects(text: bytes) -> Iterator[Any]:
    """Yield the objects of a text in which they follow each other over several lines."""
    decoder, content, at = json.JSONDecoder(), text.decode("utf-8", "replace"), 0
    while at < len(content):
        try:
            value, at = decoder.raw_decode(content, at)
            value = _as_json(value)
        except (ValueError, TypeError, RecursionError):
            return
        yield value
        at += len(content[at:]) - len(content[at:].lstrip(" \t\r\n,"))


def _plain_value(value: Mapping[str, Any]) -> object:
    """Return what an object of MongoDB's extended JSON stands for; another object unchanged."""
    if len(value) == 1 and (name := next(iter(value))) in MONGO_TYPES:
        inner = value[name]
        return _plain_value(inner) if isinstance(inner, dict) else inner
    return value


def _list_text(values: "list[Any] | tuple[Any, ...]") -> str | None:
    """Join a list, the lists in it included. Objects in a list stay JSON."""
    plain = [_plain_value(value) if isinstance(value, dict) else value for value in values]
    if any(isinstance(value, dict) for value in plain):
        return orjson.dumps(plain, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return LIST_SEPARATOR.join(text_of(value) or "" for value in plain)


def _valid(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
