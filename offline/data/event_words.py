"""The event types that the words of a file's type column mean."""

import re
from collections.abc import Collection, Mapping

import polars as pl

from app.event_types import find_event_type, suggest_event_type
from app.event_weights import TYPE_WEIGHTS
from offline.data.schema import InteractionsFile, quote_text
from offline.data.table import TextTable

SENT_TYPE = re.compile(r"[\w.:-]{1,64}")  # a type that ``POST /events`` can look up itself
SHOWN_WORDS = 8  # unknown words in one finding


def map_types(
    table: TextTable, part: InteractionsFile, types: Collection[str]
) -> tuple[TextTable, Mapping[str, str]]:
    """Return the event type of each word of the type column; unknown words stay as they are.

    The table is returned with findings: which word is which type, and which words are unknown.
    """
    if part.type is None:
        return table, {}
    counts = table.frame[part.type].drop_nulls().str.strip_chars().value_counts(sort=True)
    words = dict(counts.iter_rows())
    matches = {word: find_event_type(_rename(word, part), types) for word in words}
    kinds = {word: kind or _rename(word, part).lower() for word, kind in matches.items()}
    changed = {w: k for w, k in kinds.items() if matches[w] and w.lower() != k}
    if changed:
        shown = ", ".join(f"{word} is {kind}" for word, kind in list(changed.items())[:20])
        table = table.with_finding("good", f"Event types of {table.file}: {shown}.")
    unknown = {word: words[word] for word, kind in matches.items() if kind is None and word}
    if unknown:
        table = table.with_finding("problem", _unknown_text(table.file, unknown))
    return table, kinds


def map_raw_types(frame: pl.DataFrame, part: InteractionsFile) -> Mapping[str, str]:
    """Return each word of the type column as ``POST /events`` can look it up."""
    if part.type is None:
        return {}
    words = frame[part.type].drop_nulls().str.strip_chars().unique().to_list()
    return {word: _sent_type(_rename(word, part).lower()) for word in words}


def _sent_type(word: str) -> str:
    return word if SENT_TYPE.fullmatch(word) else find_event_type(word, TYPE_WEIGHTS) or word


def _rename(word: str, part: InteractionsFile) -> str:
    return part.types.get(word) or part.types.get(word.lower()) or word


def _unknown_text(file: str, unknown: Mapping[str, int]) -> str:
    shown = list(unknown.items())[:SHOWN_WORDS]
    rows, more = sum(unknown.values()), len(unknown) - len(shown)
    words = ", ".join(f"{word} ({count:,} rows)" for word, count in shown)
    line = ", ".join(f'{quote_text(word)} = "{suggest_event_type(word)}"' for word, _ in shown)
    return (
        f"{file}: {rows:,} rows have an unknown event type: {words}"
        f"{f' and {more:,} more words' if more else ''}. Add to [interactions] of the schema, with "
        f"the right types: types = {{ {line} }}; or give a type of your own a weight in "
        "[type_weights]."
    )
