"""One version of the rules, as the store has it."""

from dataclasses import dataclass, replace
from typing import Any, Self

import orjson
from pydantic import ValidationError

from app.rerank.rules import NO_RULES, Rules
from app.state.streams import StreamEntry, parse_id


class UnreadableRulesError(Exception):
    """A stored version that this release cannot read. The text says why."""


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of the rules, as it is stored."""

    number: int  # 0: nothing was ever saved
    author: str = ""
    at: float = 0.0  # unix seconds
    note: str = ""
    restored: int | None = None  # the version whose rules it has again
    content: Any = None  # the rules as plain JSON; None: the entry is damaged

    @classmethod
    def of_entry(cls, entry: StreamEntry) -> Self:
        """Read an entry of the stream. Fields that this release does not know are left out."""
        number = parse_id(entry[0])[0]
        try:
            stored = orjson.loads(entry[1][-1])
            author, note = str(stored["author"]), str(stored["note"])
            restored = stored.get("restored")
            return cls(number, author, float(stored["at"]), note, restored, stored["rules"])
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return cls(number)

    def to_bytes(self) -> bytes:
        """Return the text of its entry."""
        fields = {"author": self.author, "at": self.at, "note": self.note}
        return orjson.dumps({**fields, "restored": self.restored, "rules": self.content})

    def is_same_change(self, other: "RuleVersion") -> bool:
        """Return whether both are one change, which may have been sent at two times."""
        return replace(self, at=0.0) == replace(other, at=0.0)

    @property
    def stream_id(self) -> bytes:
        """The id of its entry."""
        return b"%d-0" % self.number

    def read_rules(self) -> Rules:
        """Return the rules.

        Raises:
            UnreadableRulesError: this release cannot read them.
        """
        if not self.number:
            return NO_RULES
        try:
            return Rules.model_validate(self.content)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "the entry"
            reason = str(first["msg"]).removeprefix("Value error, ")
            if first["type"] == "extra_forbidden":
                reason = "there is no such setting"
            raise UnreadableRulesError(f"{name}: {reason}") from None


NO_VERSION = RuleVersion(0)
