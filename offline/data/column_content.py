"""What a column holds, by its first texts: numbers, ratings, times, flags, event types, prose."""

import polars as pl

from app.event_types import TYPES_BY_WORD, plain_word
from offline.data.date_columns import parse_either_reading
from offline.data.numbers import MISSING_TEXTS, parse_durations, parse_numbers, parse_values
from offline.data.timestamps import SERIAL_DAYS

SAMPLE = 2_000  # texts of a column that are examined
MOST = 0.9  # a column is of a kind if this share of its texts is
MAX_SCALE_VALUES = 21  # a scale 0, 0.5 ... 10; a column with more values holds amounts
MAX_STARS, MAX_RATINGS = 100, 101  # of a column that its name calls a rating
MAX_TYPES = 200  # different event types of one file
EARLIEST = 1e8  # 1973, unix seconds: a smaller number is no time of an event
MANY = 20  # different texts from which a column can hold ids, whatever its length
LONG_TEXT = 40.0  # mean characters of a column of prose
TRUE_TEXTS = frozenset(("true", "yes", "y", "t", "1", "1.0", "on"))
FALSE_TEXTS = frozenset(("false", "no", "n", "f", "0", "0.0", "off", "-1", "-1.0"))


def sample(of: pl.Series) -> pl.Series:
    """Return the first texts of a column that mean something, stripped."""
    texts = of.drop_nulls().head(SAMPLE).str.strip_chars()
    return texts.filter(~texts.str.to_lowercase().is_in(MISSING_TEXTS))


def is_empty(of: pl.Series) -> bool:
    """Return whether a column holds no text at all."""
    return of.null_count() == len(of)


def numeric_share(of: pl.Series) -> float:
    """Return the share of the examined texts that are numbers; 0 for an empty column."""
    texts = sample(of)
    return float(parse_numbers(texts).is_finite().fill_null(value=False).mean() or 0.0)  # type: ignore[arg-type]


def is_numeric(of: pl.Series) -> bool:
    """Return whether nearly all texts are numbers."""
    return numeric_share(of) >= MOST


def is_duration(of: pl.Series) -> bool:
    """Return whether nearly all texts are durations such as ``1:02:03``."""
    texts = sample(of)
    return len(texts) > 0 and parse_durations(texts).count() >= MOST * len(texts)


def is_rating(of: pl.Series) -> bool:
    """Return whether a column holds numbers on a scale with few values."""
    texts = sample(of)
    values = parse_values(texts)
    numbers = values.drop_nulls().drop_nans()
    return (
        len(numbers) >= MOST * len(texts) > 0
        and 1 < numbers.n_unique() <= MAX_RATINGS
        and bool((numbers.abs() <= MAX_STARS).all())
    )


def is_flag(of: pl.Series) -> bool:
    """Return whether all texts mean true or false."""
    texts = of.drop_nulls().str.strip_chars().str.to_lowercase().unique()
    words = set(texts.to_list()) - MISSING_TEXTS
    return bool(words) and words <= TRUE_TEXTS | FALSE_TEXTS


def is_word_flag(of: pl.Series) -> bool:
    """Return whether all texts mean true or false, and one of them is a word."""
    texts = set(of.drop_nulls().str.strip_chars().str.to_lowercase().unique().to_list())
    return is_flag(of) and any(text.isalpha() for text in texts - MISSING_TEXTS)


def is_time(of: pl.Series) -> bool:
    """Return whether most texts are times; a small number is a duration, not a time."""
    texts = sample(of)
    if texts.is_empty():
        return False
    numbers = texts.cast(pl.Float64, strict=False)
    seconds = parse_either_reading(texts)
    is_small = (numbers.abs() < EARLIEST).fill_null(value=False)
    is_year = numbers.is_between(19_000_101, 22_001_231).fill_null(value=False)  # YYYYMMDD
    is_day = (numbers.is_between(*SERIAL_DAYS) & (seconds != numbers)).fill_null(value=False)
    usable = seconds.is_not_null() & (~is_small | is_year | is_day)
    return float(usable.mean() or 0.0) >= 0.5  # type: ignore[arg-type]  # noqa: PLR2004


def is_type(of: pl.Series) -> bool:
    """Return whether half of the different texts are words for event types."""
    words = sample(of).unique().to_list()
    shared = sum(plain_word(word) in TYPES_BY_WORD for word in words)
    return 0 < len(words) <= MAX_TYPES and 2 * shared >= len(words)


def is_identifier(of: pl.Series) -> bool:
    """Return whether a column can hold ids: texts or whole numbers, not amounts or prose."""
    texts = sample(of)
    numbers = texts.cast(pl.Float64, strict=False).drop_nulls()
    is_whole = bool((numbers == numbers.floor()).all())
    return not texts.is_empty() and is_whole and mean_length(of) < LONG_TEXT


def has_many(of: pl.Series, many: int = MANY) -> bool:
    """Return whether a column holds ids, many of which differ."""
    return is_identifier(of) and (of.n_unique() >= many or 2 * of.n_unique() >= len(of))


def is_prose(of: pl.Series, length: float = LONG_TEXT) -> bool:
    """Return whether a column holds sentences of this mean number of characters."""
    return mean_length(of) >= length and bool(sample(of).str.contains(" ", literal=True).any())


def mean_length(of: pl.Series) -> float:
    """Return the mean number of characters of the examined texts; 0 for an empty column."""
    return float(sample(of).str.len_chars().mean() or 0.0)  # type: ignore[arg-type]
