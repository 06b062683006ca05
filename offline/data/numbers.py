"""Read numbers as people and shops write them: ``$12.99``, ``5,50``, ``1,299.00``, ``12 €``."""

import polars as pl

# Texts that mean that a value is not there.
MISSING_TEXTS = frozenset(
    (
        *("", "-", "--", "---", "\u2013", "\u2014", "?", ".", "n/a", "n.a.", "na", "nan", "<na>"),
        *("#n/a", "#na", "none", "null", "nil", "nul", "\\n", "undefined", "unknown", "missing"),
        *("tbd", "tba", "not available", "not applicable", "k.a.", "(null)", "(none)", "nat"),
    )
)
CURRENCY = (
    r"(?i)^(?:[\p{Sc}]|usd|eur|gbp|chf|cad|aud|jpy|inr|us\$|a\$|c\$|rs\.?|kr\.?|z\u0142|pln|sek)+"
    r"|(?:[\p{Sc}%]|usd|eur|gbp|chf|cad|aud|jpy|inr|rs\.?|kr\.?|z\u0142|pln|sek|,-)+$"
)
RATED = r"(?i)^(\d+(?:[.,]\d+)?)\s*(?:(?:/|out of|of|von)\s*\d+\s*)?(?:stars?|points?|sterne)?$"
STARS = r"^(\x{2605}*)(\x{bd}?)[\x{2606}\s]*$"  # with a half, or without
DURATION = r"^(?:(\d+):)?(\d{1,3}):(\d{2}(?:\.\d+)?)$"  # 1:02:03 and 2:03
ISO_DURATION = r"(?i)^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$"
GROUP_MARKS = r"[ '\u00a0\u2009\u202f\u2019_](\d{3})"
ENGLISH_GROUPS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
GERMAN_GROUPS = r"^[+-]?\d{1,3}(\.\d{3})+(,\d+)?$"
COMMA_DECIMALS = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+),(\d{1,2}|\d{4,})$"
POINT_DECIMALS = r"^[+-]?(\d+|\d{1,3}(,\d{3})+)\.(\d{1,2}|\d{4,})$"


def is_missing(text: pl.Expr) -> pl.Expr:
    """Return whether a text means that a value is not there: ``N/A``, a dash, ``null``."""
    return text.is_null() | text.str.strip_chars().str.to_lowercase().is_in(MISSING_TEXTS)


def parse_numbers(texts: pl.Series) -> pl.Series:
    """Return the numbers of a text column, Float64; null for what is no number.

    A currency, a percent sign and marks between groups of digits are left out. A comma is the
    decimal mark if the column has numbers such as ``5,50`` and none such as ``5.50``.
    """
    stripped = texts.str.strip_chars()
    plain = stripped.cast(pl.Float64, strict=False)
    rest = stripped.filter(plain.is_null() & stripped.is_not_null()).unique().alias("text")
    if rest.is_empty():
        return plain
    bare = rest.str.strip_chars().str.replace(r"^\((.*)\)$", "-$1").str.replace_all(CURRENCY, "")
    bare = bare.str.replace(r"^-\s*[\p{Sc}]", "-").str.replace(r"^[\u2212\u2013]", "-")
    bare = bare.str.strip_chars().str.replace_all(GROUP_MARKS, "$1").alias("bare")
    has_points = bool(stripped.str.contains(POINT_DECIMALS).any()) or bool(
        bare.str.contains(POINT_DECIMALS).any()
    )
    is_comma = bool(bare.str.contains(COMMA_DECIMALS).any()) and not has_points
    numbers = pl.DataFrame([rest, bare]).select("text", _number(is_comma=is_comma).alias("number"))
    read = numbers.filter(pl.col("number").is_not_null())
    frame = pl.DataFrame({"text": stripped, "plain": plain})
    joined = frame.join(read, on="text", how="left", maintain_order="left")
    whole = joined.select(pl.coalesce("plain", "number")).to_series()
    if is_comma:  # 1.299 beside 5,50 is 1299
        grouped = stripped.str.contains(GERMAN_GROUPS).fill_null(value=False)
        thousands = stripped.str.replace_all(".", "", literal=True).str.replace(",", ".")
        whole = thousands.cast(pl.Float64, strict=False).zip_with(grouped, whole)
    return whole.rename(texts.name)


def parse_values(texts: pl.Series) -> pl.Series:
    """Return the values of events, Float64: numbers, ratings such as 4/5, 4 stars and ★★★½.

    A duration is ``1:02:03`` or, in ISO 8601, ``PT1H2M3S``. Its value is in seconds.
    """
    numbers = parse_numbers(texts)
    if not (numbers.is_null() & texts.is_not_null()).any():
        return numbers
    rated = texts.str.strip_chars().str.extract(RATED, 1).str.replace(",", ".", literal=True)
    text = pl.col(texts.name)
    count = text.str.count_matches("\u2605") + 0.5 * text.str.count_matches("\u00bd")
    stars = texts.to_frame().select(pl.when(text.str.contains(STARS) & (count > 0)).then(count))
    whole = numbers.fill_null(rated.cast(pl.Float64, strict=False))
    return whole.fill_null(stars.to_series()).fill_null(parse_durations(texts))


def parse_durations(texts: pl.Series) -> pl.Series:
    """Return the seconds of ``1:02:03`` and ``PT1H2M3S``, Float64; null for other texts."""
    text, zero = pl.col(texts.name).str.strip_chars(), pl.lit(0.0)
    read = []
    for pattern in (DURATION, ISO_DURATION):
        parts = [text.str.extract(pattern, at).cast(pl.Float64, strict=False) for at in (1, 2, 3)]
        hours, minutes, seconds = (pl.coalesce(part, zero) for part in parts)
        total = hours * 3600 + minutes * 60 + seconds
        read.append(pl.when(pl.any_horizontal(part.is_not_null() for part in parts)).then(total))
    return texts.to_frame().select(pl.coalesce(*read).alias(texts.name)).to_series()


def _number(*, is_comma: bool) -> pl.Expr:
    text = pl.col("bare")
    english = text.str.replace_all(",", "", literal=True)
    german = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    comma = text.str.contains(COMMA_DECIMALS)
    groups = text.str.contains(GERMAN_GROUPS) if is_comma else text.str.contains(ENGLISH_GROUPS)
    return (
        pl.when(groups)
        .then(german if is_comma else english)
        .when(comma)
        .then(german)
        .when(text.str.contains(ENGLISH_GROUPS))
        .then(english)
        .otherwise(text)
        .cast(pl.Float64, strict=False)
    )
