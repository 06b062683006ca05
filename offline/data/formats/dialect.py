"""Find how a delimited file is written: its separator, its quotes, and where its table begins."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from offline.data.schema import FileSchema

SEPARATORS = ("::", "\t", ",", ";", "|", "\x01")  # the last is that of Hive
QUOTED_SEPARATORS = (",", ";")  # files with other separators have no quotes, unless the header has
COMMENTS = ("#", "%")
SAMPLE = 30  # lines that decide
MOST = 0.9  # share of the rows with a single-quoted field from which such quotes are quotes
MAX_TITLES, MIN_ROWS = 5, 3  # most lines above a header; fewest lines from the header on
MAX_TITLE = 80  # characters of the title that a finding shows
EXCEL_LINE = re.compile(r'^"?sep=(.|\\t)"?$')
RULER = re.compile(r"[\s|+:=-]*[-=]{2}[\s|+:=-]*")  # the line under the header of a printed table
FOOTER = re.compile(
    r"\(?\d+ (?:rows?|records?)(?: affected| selected| in set.*)?\.?\)?", re.IGNORECASE
)
_NUMBER = re.compile(r'"?[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?"?')


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines of one file are split."""

    separator: str
    start: int = 0  # lines before the table: ``sep=;`` and comments
    is_quoted: bool = False
    is_single: bool = False  # the quotes are ', not "
    title: str = ""  # lines above the header that are not of the table; they count in ``start``
    trim: bool = False  # blanks after a separator do not count
    is_blank: bool = False  # any number of blanks separates two fields
    has_comment_header: bool = False  # the first line of the table is a comment with the names


def find_dialect(lines: Sequence[str], part: FileSchema) -> Dialect:
    """Return the dialect of the first lines of a file, which are not empty."""
    start, separator = 0, part.separator
    if excel := EXCEL_LINE.match(lines[0]):
        start = 1
        separator = separator or ("\t" if excel[1] == "\\t" else excel[1])
    n_titles = 0 if separator else _count_titles(lines[start:])
    title = " / ".join(lines[start : start + n_titles])[:MAX_TITLE]
    start += n_titles
    table = lines[start:]
    n_comments = next((n for n, line in enumerate(table) if not line.startswith(COMMENTS)), 0)
    body = table[n_comments:] or table
    sample = list(table[:1] if not n_comments else body[:1])
    is_blank = separator is None and _is_blank_separated(body)
    separator = separator or (" " if is_blank else find_separator(sample[0]))
    has_header = n_comments > 0 and _is_header(table[n_comments - 1], body[0], separator)
    kept = n_comments - 1 if has_header else n_comments
    if part.columns is not None and n_comments and _same_width(table[0], body[0], separator):
        kept, has_header = 0, False  # a file without a header whose first value begins so
    header = table[kept].lstrip("#% ") if has_header else table[kept] if kept < len(table) else ""
    is_single = _is_single_quoted(part, separator, table[kept:])
    return Dialect(
        separator,
        start + kept,
        is_single or _is_quoted(part, separator, header),
        is_single,
        title,
        trim=not is_blank and separator != " " and _has_blanks_after(separator, header),
        is_blank=is_blank,
        has_comment_header=has_header,
    )


def _count_titles(lines: Sequence[str]) -> int:
    """Return how many first lines lack the separator that all the others have equally often."""
    for n in range(1, min(MAX_TITLES, len(lines) - MIN_ROWS) + 1):
        separator = find_separator(lines[n])
        counts = [line.count(separator) for line in lines]
        if counts[0] == 0 < counts[n] and len(set(counts[n:])) == 1:
            is_above = not any(counts[:n]) and not any(
                line.startswith(COMMENTS) for line in lines[:n]
            )
            return n if is_above else 0
    return 0


def find_separator(line: str) -> str:
    """Return the most frequent separator of a line; a comma if it has none."""
    plain = re.sub(r'"[^"]*"', "", line)
    doubled = plain.count("||")
    if doubled and plain.count("|") == 2 * doubled:
        return "||"
    most = max(SEPARATORS, key=plain.count)
    return most if plain.count(most) else ","


def looks_like_data(names: Sequence[str]) -> bool:
    """Return whether at least half of the fields of a first line are numbers."""
    return 2 * sum(1 for name in names if _NUMBER.fullmatch(name.strip())) >= max(len(names), 1)


def _is_blank_separated(lines: Sequence[str]) -> bool:
    """Return whether no line has a separator, and blanks split all lines into as many fields."""
    sample = lines[:SAMPLE]
    if any(s in line for line in sample for s in SEPARATORS):
        return False
    widths = Counter(len(line.split()) for line in sample if not FOOTER.fullmatch(line.strip()))
    return len(widths) == 1 and min(widths) > 1


def _is_header(comment: str, first: str, separator: str) -> bool:
    names = comment.lstrip("#% ")
    return _same_width(names, first, separator) and not looks_like_data(names.split(separator))


def _same_width(one: str, other: str, separator: str) -> bool:
    n = one.count(separator)
    return n > 0 and n == other.count(separator)


def _is_quoted(part: FileSchema, separator: str, header: str) -> bool:
    if len(separator) != 1:
        return False
    if part.quoted is not None:
        return part.quoted
    names = [name.strip() for name in header.split(separator)]
    all_quoted = all(len(n) > 1 and n[0] == '"' == n[-1] for n in names)
    return separator in QUOTED_SEPARATORS or all_quoted


def _is_single_quoted(part: FileSchema, separator: str, table: Sequence[str]) -> bool:
    """Return whether nearly all rows have a field between single quotes."""
    if len(separator) != 1 or part.quoted is False or not table:
        return False
    mark = re.escape(separator)
    field = re.compile(rf"(?:^|{mark})\s*'[^']*'\s*(?={mark}|$)")
    rows = table[1:] if len(table) > 1 and part.columns is None else table
    return sum(1 for row in rows if field.search(row)) >= MOST * len(rows)


def _has_blanks_after(separator: str, header: str) -> bool:
    n = header.count(separator)
    return n > 0 and header.count(f"{separator} ") == n
