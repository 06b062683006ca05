"""How far an import of Gorse's data has come: a file, so that a killed import goes on."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

from offline.data.atomic import atomic_path
from offline.gorse_import.source import KINDS, RowKind


@dataclass(slots=True)
class ImportProgress:
    """What was sent, and where the next rows begin."""

    source: str
    target: str
    kind: RowKind = KINDS[0]
    place: str = ""  # as ``SourceBatch.next_place``
    done: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))  # rows by kind
    refused: int = 0

    @classmethod
    def load(cls, path: Path, source: str, target: str) -> "ImportProgress":
        """Read the file; begin anew if it is of another import, or cannot be read."""
        try:
            stored = cls(**orjson.loads(path.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return cls(source, target)
        is_same = stored.source == source and stored.target == target and stored.kind in KINDS
        return stored if is_same else cls(source, target)

    def save(self, path: Path) -> None:
        """Write the file."""
        with atomic_path(path) as part:
            part.write_bytes(orjson.dumps(asdict(self)))

    @property
    def has_begun(self) -> bool:
        """Whether an earlier run has sent rows."""
        return bool(sum(self.done.values()) or self.refused)
