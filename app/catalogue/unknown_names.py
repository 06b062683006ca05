"""Sentences about the names of a request that no item has, and the names that are spelt alike."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.catalogue.tag_lists import TagLists

MAX_LOOKUPS = 3  # misspelt names of one request that are compared with the tags
MAX_LOOKED_UP = 64  # characters of a name that is compared
MAX_NAMED = 20  # unknown names of one request with a sentence each


@dataclass(slots=True)
class UnknownNames:
    """The sentences about the names of one request that no item has. Each name has one.

    The first ``MAX_LOOKUPS`` of them have a hint, and those after ``MAX_NAMED`` are counted: a
    request may hold hundreds of names, and one comparison takes milliseconds of the event loop.
    """

    max_lookups: int = MAX_LOOKUPS
    max_named: int = MAX_NAMED
    _sentences: dict[tuple[str, str], str] = field(default_factory=dict, init=False)
    _unnamed: set[tuple[str, str]] = field(default_factory=set, init=False)
    _n_looked_up: int = field(default=0, init=False)

    def add(self, noun: str, name: str, nearest: Callable[[str], Iterable[str]]) -> None:
        """Add a name that no item has. ``nearest`` returns the names that are spelt alike."""
        key = noun, name
        if key in self._sentences or key in self._unnamed:
            return
        if len(self._sentences) >= self.max_named:
            self._unnamed.add(key)
            return
        near = ""
        if self._n_looked_up < self.max_lookups and len(name) <= MAX_LOOKED_UP:
            self._n_looked_up += 1
            near = " or ".join(f'"{one}"' for one in nearest(name))
        hint = f"; did you mean {near}?" if near else ""
        self._sentences[key] = f'no item has the {noun} "{name}"{hint}'

    def add_tags(self, lists: TagLists, tags: Iterable[str], noun: str) -> None:
        """Add those of ``tags`` that no item has."""
        wanted = list(tags)
        for tag, code in zip(wanted, lists.find(wanted).tolist(), strict=True):
            if code < 0:
                self.add(noun, tag, lists.nearest)

    def notes(self) -> list[str]:
        """Return the sentences."""
        n = len(self._unnamed)
        return [*self._sentences.values(), *([f"no item has {n} more of the names"] if n else ())]


def unknown_tag_notes(lists: TagLists, tags: Iterable[str], noun: str) -> list[str]:
    """Return a sentence for each of ``tags`` that no item has, with those that are spelt alike."""
    unknown = UnknownNames()
    unknown.add_tags(lists, tags, noun)
    return unknown.notes()
