"""Read users, items and feedback of Gorse: from its server page by page, or from JSON lines."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import httpx
import orjson

from offline.data.errors import DataError
from offline.gorse_import.patience import Patience

GorseRow: TypeAlias = dict[str, Any]
RowKind: TypeAlias = Literal["users", "items", "feedback"]
KINDS: tuple[RowKind, ...] = ("users", "items", "feedback")  # in the order of the import
PAGES: Mapping[RowKind, tuple[str, str]] = {  # path, and the field of the rows
    "users": ("/api/users", "Users"),
    "items": ("/api/items", "Items"),
    "feedback": ("/api/feedback", "Feedback"),
}
# The fields that tell the rows of a file apart; those of feedback come first.
KIND_FIELDS: tuple[tuple[RowKind, frozenset[str]], ...] = (
    ("feedback", frozenset({"FeedbackType", "UserId", "ItemId"})),
    ("users", frozenset({"UserId"})),
    ("items", frozenset({"ItemId"})),
)
PAGE = 500  # rows
BUSY = frozenset({429, 503})  # too many requests, and not now: of Gorse, or of a proxy before it


@dataclass(frozen=True, slots=True)
class FaultyLine:
    """A line of a file that has no row of the kind that the file has."""

    reason: str  # with the file and the number of the line
    line: bytes


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """Some rows, and where the rows after them begin."""

    rows: Sequence[GorseRow]
    next_place: str  # "": there are no more
    faults: Sequence[FaultyLine] = ()


class GorseSource(Protocol):
    """Where the data comes from."""

    def batches(self, kind: RowKind, place: str) -> Iterator[SourceBatch]:
        """Yield the rows of a kind from a place on; "" is the beginning."""
        ...

    def fingerprint(self) -> str:
        """Return a text that changes when places no longer lead to the same rows."""
        ...


@dataclass(frozen=True, slots=True)
class GorseServer:
    """A running Gorse."""

    client: httpx.Client  # with the address and the key
    patience: Patience

    def fingerprint(self) -> str:
        """Return the same text always: a cursor is a row of the server, not a position."""
        return ""

    def batches(self, kind: RowKind, place: str) -> Iterator[SourceBatch]:
        """Yield pages; a place is a cursor.

        Raises:
            DataError: The server does not answer, is busy for too long, or answers not as Gorse
                does.
        """
        path, field = PAGES[kind]
        while True:
            content = self._read(path, {"n": str(PAGE), "cursor": place})
            rows, cursor = content.get(field), content.get("Cursor")
            if not (isinstance(cursor, str) and isinstance(rows, list | None)):
                raise DataError(f"{self.client.base_url} does not answer {path} as Gorse does")
            yield SourceBatch(rows or [], cursor)
            if not cursor:
                return
            if cursor == place:
                raise DataError(f"{self.client.base_url} repeats the page {cursor} of {path}")
            place = cursor

    def _read(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        response = self.patience.send(
            lambda: self.client.get(path, params=dict(query)), BUSY.__contains__, reconnects=False
        )
        if not response.is_success:
            hint = ": name its key with --key" if response.status_code in {401, 403} else ""
            raise DataError(
                f"Gorse at {self.client.base_url} answers {response.status_code} to {path}{hint}"
            )
        try:
            content = response.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise DataError(f"{self.client.base_url} does not answer {path} as Gorse does")
        return content


@dataclass(frozen=True, slots=True)
class GorseFiles:
    """Files of JSON lines, such as Gorse's dashboard exports."""

    files: Mapping[RowKind, Path]

    @classmethod
    def of(cls, path: Path) -> "GorseFiles":
        """Find the files of a folder by the fields of their first rows; or take one file.

        Raises:
            DataError: There is no such file, or two of one kind.
        """
        candidates = [path] if path.is_file() else sorted(path.glob("*.jsonl"))
        files: dict[RowKind, Path] = {}
        for file in candidates:
            kind = _kind_of(file)
            if kind in files:
                raise DataError(f"{files[kind]} and {file} both have {kind}: move one away")
            if kind:
                files[kind] = file
        if not files:
            raise DataError(
                f"{path} has no users, items or feedback of Gorse: it must be an address, a file "
                "of JSON lines, or a folder with files *.jsonl"
            )
        return cls(files)

    def fingerprint(self) -> str:
        """Return the digests of the files.

        Raises:
            DataError: A file cannot be read.
        """
        digests = []
        for kind, path in sorted(self.files.items()):
            try:
                with path.open("rb") as file:
                    digests.append(f"{kind} {hashlib.file_digest(file, 'sha256').hexdigest()}")
            except OSError as error:
                raise DataError(f"{path} cannot be read: {error.strerror}") from None
        return ", ".join(digests)

    def batches(self, kind: RowKind, place: str) -> Iterator[SourceBatch]:
        """Yield the rows of a file; a place is the number of lines before it."""
        if kind not in self.files:
            return
        rows: list[GorseRow] = []
        faults: list[FaultyLine] = []
        number, done = 0, int(place or 0)
        with self.files[kind].open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if number <= done or not line.strip():
                    continue
                row = _parse(line)
                fault = _fault_of(row, kind)
                if row is None or fault:
                    name = f"{self.files[kind].name}, line {number}"
                    faults.append(FaultyLine(f"{name}: {fault}", line))
                else:
                    rows.append(row)
                if len(rows) + len(faults) == PAGE:
                    yield SourceBatch(rows, str(number), faults)
                    rows, faults = [], []
        yield SourceBatch(rows, "", faults)


def _kind_of(file: Path) -> RowKind | None:
    """Return the kind of the rows of a file; None if it has none of Gorse."""
    try:
        with file.open("rb") as lines:
            first = next((row for line in lines if (row := _parse(line))), {})
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    return _kind_of_row(first)


def _kind_of_row(row: GorseRow) -> RowKind | None:
    return next((kind for kind, fields in KIND_FIELDS if fields <= row.keys()), None)


def _fault_of(row: GorseRow | None, kind: RowKind) -> str:
    """Return why a line is no row of a kind; "" if it is one.

    Sent as a user, a row of feedback would replace the user's labels by none.
    """
    if row is None:
        return "not a JSON object"
    own = _kind_of_row(row)
    if own == kind:
        return ""
    if own is None:
        return f"not one of the {kind} of Gorse, as the first line is"
    return f"has the fields of {own}, the first line those of {kind}: use a file for each"


def _parse(line: bytes) -> GorseRow | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None
