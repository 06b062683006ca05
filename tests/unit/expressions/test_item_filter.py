"""Filters of a request: what the language says, and that nothing else gets through."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.catalogue import attributes
from app.catalogue.attributes import NumberColumn, TextColumn, column_kinds
from app.catalogue.catalogue import Catalogue
from app.catalogue.ids import IdIndex, Texts
from app.expressions.item_filter import (
    MAX_FILTER_LENGTH,
    ExpressionFilter,
    FilterError,
    parse_filter,
)

CATALOGUE = Catalogue(
    ids=IdIndex.of(["a", "b", "c", "d"]),
    titles=Texts.of([None] * 4),
    categories=np.array([[1, 0], [1, 1], [0, 1], [0, 0]], np.uint8),
    category_names=("drama", "war"),
    released=np.array([1980, 1990, 2000.5, np.nan], np.float32),
    available=np.ones(4, np.bool_),
    providers=np.array([0, 1, 1, -1], np.int32),
    provider_names=Texts.of(["acme", "bell"]),
    flags=np.array([[0], [1], [0], [0]], np.uint8),
    flag_names=("adult",),
    attributes={
        "price": NumberColumn(np.array([9.99, 20.0, -1.5, np.nan])),
        "language": TextColumn.of(["en", None, "de", "en"]),
        "vegan": TextColumn.of(["true", "false", None, None]),
    },
)
ALL = np.arange(4)


def passing(text, catalogue=CATALOGUE):
    kept = ExpressionFilter(
        parse_filter(text, column_kinds(catalogue.attributes)), catalogue
    ).allows(ALL[: len(catalogue)])
    return "".join(catalogue.ids.names(np.flatnonzero(kept)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('category == "drama"', "ab"),
        ('"drama" in category', "ab"),
        ('"drama" == category', "ab"),
        ('category != "drama"', "cd"),
        ('"war" not in category', "ad"),
        ('category in ("drama", "war")', "abc"),
        ('category not in ["drama", "war"]', "d"),
        ('category == "drama" and category == "war"', "b"),
        ('category == "drama" or category == "war"', "abc"),
        ('category == "opera"', ""),
        ('category != "opera"', "abcd"),
        ('provider == "bell"', "bc"),
        ('provider != "bell"', "ad"),
        ('provider == "nobody"', ""),
        ('flag == "adult"', "b"),
        ('not flag == "adult"', "acd"),
        ('flag == "gory"', ""),
        ('item_id in ("a", "d", "z")', "ad"),
        ("year >= 1990", "bc"),
        ("year > 1990", "c"),
        ("year < 1990", "a"),
        ("year <= 1990", "ab"),
        ("year == 1990", "b"),
        ("year != 1990", "ac"),
        ("1985 <= year < 2000", "b"),
        ("2000 > year", "ab"),
        ("year in (1980, 1990)", "ab"),
        ("year not in (1980, 1990)", "c"),
        ("year > -1", "abc"),
        ("not year >= 1990", "ad"),
        ('category == "drama" and (year < 1985 or provider == "bell")', "ab"),
        (' category == "drama" ', "ab"),
        ("price < 20", "ac"),
        ("price == 9.99", "a"),
        ("price != 9.99", "bc"),
        ("not price < 20", "bd"),
        ("0 <= price <= 20", "ab"),
        ("price in (9.99, -1.5)", "ac"),
        ("price not in (9.99, -1.5)", "b"),
        ('language == "en"', "ad"),
        ('language != "en"', "c"),
        ('not language == "en"', "bc"),
        ('language == "fr"', ""),
        ('language != "fr"', "acd"),
        ('language in ("en", "de", "fr")', "acd"),
        ('language not in ("en", "fr")', "c"),
        ('"en" in language', "ad"),
        ("vegan == True", "a"),
        ("vegan == true", "a"),
        ("vegan != true", "b"),
        ('price < 20 and language == "en"', "a"),
    ],
)
def test_an_expression_is_true_of_these(text, expected):
    assert passing(text) == expected


def test_where_nothing_is_known_of_items_only_negations_are_true():
    bare = replace(
        CATALOGUE,
        categories=np.zeros((4, 0), np.uint8),
        category_names=(),
        flags=np.empty((0, 0), np.uint8),
        flag_names=(),
    )
    assert passing('category == "drama"', bare) == passing('flag == "adult"', bare) == ""
    assert passing('flag != "adult"', bare) == "abcd"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be read"),
        ("year >=", "cannot be read"),
        ("year = 1990", "cannot be read"),
        ("(" * 400, "cannot be read"),
        ("-" * 400 + "1", "nested too deeply|parts"),
        ("year > 1990; print()", "cannot be read"),
        ("year", "is not a condition"),
        ("1990", "is not a condition"),
        ("__import__('os').system('true')", "is not a condition"),
        ("year.__class__ == 1", "must be an attribute"),
        ("(lambda: 1)() == 1", "must be an attribute"),
        ("cost > 3", "no attribute cost; .* item_id, year, language, price, vegan"),
        ("price > '3'", "price is compared with a number, such as price < 20"),
        ("price is 3", "price is compared by"),
        ("language < 'en'", "language is compared by ==, !=, in or not in"),
        ("language == 3", 'such as language == "a word"'),
        ("language == '\\ud800'", "characters that no name can have"),
        ("item_id == 'a\\0'", "characters that no name can have"),
        ("year == year", "is not a value"),
        ("year == 1 + 1", "is not a value"),
        ("year == None", "is not a value"),
        ("year > -'a'", "is not a value"),
        ("year == 'old'", "compared with a number"),
        ("year is 1990", "year is compared by"),
        ("year == 1e400", "too large"),
        ("year == " + "9" * 400, "too large"),
        ("category == 3", 'such as category == "drama"'),
        ('category > "a"', "category is compared by"),
        ('category in "drama"', "after in there must be a list"),
        ("category in ()", "after in there must be a list"),
        ("year > 1" + " " * MAX_FILTER_LENGTH, f"at most {MAX_FILTER_LENGTH} are allowed"),
        (" or ".join(["year>1"] * 45), "at most 60 are allowed"),
    ],
)
def test_what_is_not_of_the_language_is_refused_in_a_sentence(text, told):
    with pytest.raises(FilterError, match=told):
        parse_filter(text, column_kinds(CATALOGUE.attributes))


names = st.sampled_from(["drama", "war", "acme", "adult", "a", "it's", 'q"'])
leaves = st.one_of(
    st.builds(
        lambda a, op, n: f"{a} {op} {n!r}",
        st.sampled_from(["category", "provider", "flag", "item_id"]),
        st.sampled_from(["==", "!="]),
        names,
    ),
    st.builds(
        lambda op, y: f"year {op} {y}",
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.integers(1970, 2010),
    ),
)


@settings(deadline=None)
@given(leaves, leaves)
def test_and_or_and_not_are_those_of_logic(one, two):
    a, b = (set(passing(text)) for text in (one, two))
    assert set(passing(f"({one}) and ({two})")) == a & b
    assert set(passing(f"({one}) or ({two})")) == a | b
    assert set(passing(f"not ({one})")) == set("abcd") - a


COMPARED = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}
amounts = st.integers(-3, 3) | st.sampled_from([0.1, 9.99, 1e12, -0.5])
texts = st.sampled_from(["en", "de", "é", "it's", 'q"', "e"])


def leaf(name, operators, values):
    """Comparisons of one attribute, and what plain Python says of an item: unknown is False."""
    of_one, of_many = set(operators) - {"in", "not in"}, {"in", "not in"}
    single = st.tuples(st.sampled_from(sorted(of_one)), values)
    several = st.tuples(st.sampled_from(sorted(of_many)), st.lists(values, min_size=1, max_size=4))
    return (single | several).map(
        lambda told: (
            f"{name} {told[0]} {told[1]!r}",
            lambda item: item[name] is not None and COMPARED[told[0]](item[name], told[1]),
        )
    )


def joined(parts):
    def both(one, two):
        return f"({one[0]}) and ({two[0]})", lambda item: one[1](item) and two[1](item)

    def either(one, two):
        return f"({one[0]}) or ({two[0]})", lambda item: one[1](item) or two[1](item)

    inverted = parts.map(lambda one: (f"not ({one[0]})", lambda item: not one[1](item)))
    return st.builds(both, parts, parts) | st.builds(either, parts, parts) | inverted


conditions = st.recursive(
    leaf("price", COMPARED, amounts)
    | leaf("stock", COMPARED, amounts)
    | leaf("language", ("==", "!="), texts),
    joined,
    max_leaves=5,
)
described = st.lists(
    st.fixed_dictionaries(
        {
            "price": st.none() | amounts,
            "stock": st.none() | amounts,
            "language": st.none() | texts,
            "later": st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(conditions, described)
def test_what_is_true_of_attributes_is_what_plain_python_says(condition, items):
    text, plain = condition
    early = [{} if item["later"] else item for item in items]
    numbers = {
        name: NumberColumn(np.array([e.get(name) if e else None for e in early], np.float64))
        for name in ("price", "stock")
    }
    words = TextColumn.of([one.get("language") for one in early])
    columns = attributes.live_columns(numbers | {"language": words}, 0)
    for row, item in enumerate(items):
        for name, column in columns.items():
            if item["later"]:
                column.put(row, item[name])
    told = replace(CATALOGUE, attributes=columns)
    rows = np.arange(len(items))
    found = parse_filter(text, column_kinds(columns))(told, rows)
    assert found.dtype == np.bool_
    assert found.tolist() == [plain(item) for item in items]
    assert (
        parse_filter(text, column_kinds(columns))(told, rows[::-1]).tolist() == found.tolist()[::-1]
    )


@settings(deadline=None)
@given(
    st.text(max_size=60)
    | st.text("()[]and or not in=<>!'\"year category 0123456789.,_", max_size=60)
)
@example("year\x00")
@example("\ud800")
@example("year == \ud800")
def test_whatever_is_sent_it_is_read_or_refused(text):
    try:
        test = parse_filter(text)
    except FilterError:
        return
    assert test(CATALOGUE, ALL).shape == (4,)
