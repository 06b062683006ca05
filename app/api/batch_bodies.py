"""Bodies with many records: a JSON list, one JSON object, or one JSON object a line (NDJSON)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from app.api.errors import RefusalError, fault_message

Record = TypeVar("Record", bound=BaseModel)

SLICE = 50  # records that are checked or stored at a time; other requests compute in between
EXTRA_FIELDS = 20  # of a record that is looked at, beyond those of its model
MAX_ENTRIES = 100  # of a list or an object in a record that is looked at
LINES_PER_RECORD = 10  # of a body, empty ones too
RECORD_SCHEMA = "x-record-schema"  # in an operation, until ``add_record_schema``
MAX_NAMED_FAULTS = 5  # of a record
JSON, LINES = "application/json", "application/x-ndjson"
LINE_TYPES = frozenset({LINES, "application/ndjson", "application/jsonl", "application/jsonlines"})


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one body, as they came."""

    records: Sequence[Any]
    lines: Sequence[int] = ()  # line of each record, from 1; empty: the body has no lines
    is_single: bool = False  # an object, not a list


@dataclass(frozen=True, slots=True)
class InvalidRecord:
    """The fault of one record."""

    field: str | None
    message: str


class RefusedRecord(BaseModel):
    """A record that was not stored, and why; with ``partial=true``."""

    index: int = Field(description="Its position in the body, from 0.")
    field: str | None
    message: str


def parse_batch(body: bytes, content_type: str, noun: str, maximum: int) -> Batch:
    """Split a body into its records, which messages call by ``noun``.

    Raises:
        RefusalError: the body is not of its content type, or has no record or too many.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in LINE_TYPES:
        batch = _parse_lines(body, noun, maximum)
    elif media_type == JSON or (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        batch = _parse_json(body, noun)
    else:
        raise RefusalError(422, f"send JSON, and say so: Content-Type: {JSON} (or {LINES})")
    if not 1 <= len(batch.records) <= maximum:
        raise RefusalError(
            422, f"there are {len(batch.records)} {noun}s, send 1 to {maximum:,} at once"
        )
    return batch


def batch_error(batch: Batch, invalid: Mapping[int, InvalidRecord], noun: str) -> RefusalError:
    """Return the error that names the first invalid record and its position."""
    position = min(invalid)
    first = invalid[position]
    others = f" (and {len(invalid) - 1} other {noun}s are wrong)" if len(invalid) > 1 else ""
    line = f"line {batch.lines[position]}: " if batch.lines else ""
    parts = ([] if batch.is_single else [str(position)]) + ([first.field] if first.field else [])
    return RefusalError(422, f"{line}{first.message}{others}", ".".join(parts) or None)


def list_refused(invalid: Mapping[int, InvalidRecord]) -> list[dict[str, Any]]:
    """Return the invalid records as ``RefusedRecord`` describes them, in the order sent."""
    return [
        {"index": position, "field": fault.field, "message": fault.message}
        for position, fault in sorted(invalid.items())
    ]


def name_faults(error: ValidationError, model: type[BaseModel]) -> dict[int, InvalidRecord]:
    """Return the faults of a list of records by their positions, each with all of its messages."""
    by_position: dict[int, list[ErrorDetails]] = {}
    for fault in error.errors(include_url=False, include_context=False):
        position, *path = fault["loc"]
        by_position.setdefault(int(position), []).append({**fault, "loc": tuple(path)})
    return {n: _name_fault(faults, model) for n, faults in by_position.items()}


def _name_fault(faults: Sequence[ErrorDetails], model: type[BaseModel]) -> InvalidRecord:
    """Return the faults of one record in one sentence, with the first one's field."""
    messages: list[tuple[str | None, str]] = []
    is_hinted = False
    for fault in faults[:MAX_NAMED_FAULTS]:
        is_unknown = fault["type"] == "extra_forbidden"
        # The search for the nearest name takes long, so one name of a record has it.
        names = model.model_fields if is_unknown and not is_hinted else ()
        is_hinted |= is_unknown
        messages.append((".".join(map(str, fault["loc"])) or None, fault_message(fault, names)))
    (field, first), *others = messages
    return InvalidRecord(field, "; ".join([first, *(f"{path}: {text}" for path, text in others)]))


async def validate_in_slices(
    batch: Batch, model: type[Record], key: str
) -> tuple[dict[int, Record], dict[int, InvalidRecord]]:
    """Validate all records, and let other requests compute in between.

    Args:
        batch: the records.
        model: of a record.
        key: the field that identifies a record. Of two with the same one, the second is invalid.

    Returns:
        The valid records and the faults of the others, by position.
    """
    valid: dict[int, Record] = {}
    invalid: dict[int, InvalidRecord] = {}
    keys: set[str] = set()
    for start in range(0, len(batch.records), SLICE):
        part = batch.records[start : start + SLICE]
        for position, record in enumerate(part, start):
            fault = _validate(record, model)
            if isinstance(fault, InvalidRecord):
                invalid[position] = fault
            elif getattr(fault, key) in keys:
                invalid[position] = InvalidRecord(
                    key, f"{getattr(fault, key)} is in the body twice: send each once"
                )
            else:
                valid[position] = fault
                keys.add(getattr(fault, key))
        await asyncio.sleep(0)
    return valid, invalid


def _validate(record: Any, model: type[Record]) -> Record | InvalidRecord:
    """Return the record as the model has it, or what is wrong with it."""
    if isinstance(record, dict) and (fault := _size_fault(record, model)):
        return fault
    try:
        return model.model_validate(record)
    except ValidationError as error:
        return _name_fault(error.errors(include_url=False, include_context=False), model)


def _size_fault(record: Mapping[Any, Any], model: type[BaseModel]) -> InvalidRecord | None:
    """Return the fault of a record that is too large to describe all that is wrong with it."""
    if len(record) > EXTRA_FIELDS + len(model.model_fields):
        names = ", ".join(model.model_fields)
        return InvalidRecord(None, f"there are {len(record)} fields; they can be {names}")
    for field, value in record.items():
        if isinstance(value, list | dict) and len(value) > MAX_ENTRIES:
            message = f"there are {len(value)} entries; send at most {MAX_ENTRIES}"
            return InvalidRecord(str(field), message)
    return None


def describe_batch(model: type[BaseModel], example: Any, lines: str) -> dict[str, Any]:
    """Return the body of an operation that takes records of this model, with an example each."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    body = {
        JSON: {
            "schema": {"anyOf": [{"type": "array", "items": schema}, schema]},
            "example": example,
        },
        LINES: {"schema": {"type": "string"}, "example": lines},
    }
    record = {model.__name__: model.model_json_schema()}
    return {"requestBody": {"required": True, "content": body}, RECORD_SCHEMA: record}


def add_record_schema(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Move the schema of an operation's records to those that all operations share."""
    schemas |= operation.pop(RECORD_SCHEMA, {})


def _parse_json(body: bytes, noun: str) -> Batch:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusalError(422, f"the body is not JSON: {error}") from None
    if isinstance(content, list):
        return Batch(content)
    if isinstance(content, dict):
        return Batch([content], is_single=True)
    raise RefusalError(422, f"the body is neither {_with_article(noun)} nor a list of {noun}s")


def _parse_lines(body: bytes, noun: str, maximum: int) -> Batch:
    records: list[Any] = []
    lines: list[int] = []
    if body.count(b"\n") > LINES_PER_RECORD * maximum:
        most = LINES_PER_RECORD * maximum
        raise RefusalError(422, f"the body has more than {most:,} lines; send less")
    for number, line in enumerate(body.split(b"\n"), 1):
        if not line.strip():
            continue
        if len(records) == maximum:
            raise RefusalError(422, f"line {number}: send at most {maximum:,} {noun}s at once")
        try:
            records.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise RefusalError(
                422,
                f"line {number} is not JSON: {error}; write one {noun} a line",
                str(len(records)),
            ) from None
        lines.append(number)
    return Batch(records, lines)


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"
