"""How far an import of Gorse's data has come: a file, so that a killed import goes on."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import orjson

from app.state.private_files import create_private_file
from offline.data.atomic import atomic_path
from offline.gorse_import.source import KINDS, RowKind

Step: TypeAlias = RowKind | Literal["end"]
STEPS: tuple[Step, ...] = (*KINDS, "end")


@dataclass(slots=True)
class ImportProgress:
    """What was sent, and where the next rows begin."""

    source: str
    target: str
    fingerprint: str = ""  # as ``GorseSource.fingerprint``
    step: Step = STEPS[0]
    place: str = ""  # as ``SourceBatch.next_place``
    done: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))  # rows by kind
    refused: int = 0

    @classmethod
    def load(cls, path: Path, source: str, target: str, fingerprint: str) -> "ImportProgress":
        """Read the file; begin anew if it is of other data, or cannot be read."""
        begun = cls(source, target, fingerprint)
        try:
            stored = cls(**orjson.loads(path.read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return begun
        names = ("source", "target", "fingerprint")
        is_same = all(getattr(stored, name) == getattr(begun, name) for name in names)
        return stored if is_same and stored.step in STEPS else begun

    def save(self, path: Path) -> None:
        """Write the file, for its owner alone."""
        with atomic_path(path) as part:
            create_private_file(part)
            part.write_bytes(orjson.dumps(asdict(self)))

    def advance(self, kind: RowKind, next_place: str) -> None:
        """Go to the next place of a kind whose rows were sent; "" ends the kind."""
        self.place = next_place
        self.step = kind if next_place else STEPS[STEPS.index(kind) + 1]

    @property
    def remaining(self) -> tuple[RowKind, ...]:
        """The kinds of which rows are still to be sent."""
        return KINDS[STEPS.index(self.step) :]

    @property
    def has_begun(self) -> bool:
        """Whether an earlier run has sent rows."""
        return bool(sum(self.done.values()) or self.refused)
