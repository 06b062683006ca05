"""Item filters follow logic, agree with plain Python and survive any text."""

from dataclasses import replace

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from app.catalogue import attributes
from app.catalogue.attributes import NumberColumn, TextColumn, column_kinds
from app.expressions.item_filter import FilterError, parse_filter
from tests.unit.expressions.test_item_filter import ALL, CATALOGUE, passing

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


@given(leaves, leaves)
def test_and_or_and_not_follow_logic(one, two):
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
        lambda drawn: (
            f"{name} {drawn[0]} {drawn[1]!r}",
            lambda item: item[name] is not None and COMPARED[drawn[0]](item[name], drawn[1]),
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
    | leaf("weight", COMPARED, amounts)
    | leaf("language", ("==", "!="), texts),
    joined,
    max_leaves=5,
)
described = st.lists(
    st.fixed_dictionaries(
        {
            "price": st.none() | amounts,
            "weight": st.none() | amounts,
            "language": st.none() | texts,
            "later": st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(conditions, described)
def test_a_condition_on_attributes_agrees_with_plain_python(condition, items):
    text, plain = condition
    early = [{} if item["later"] else item for item in items]
    numbers = {
        name: NumberColumn(np.array([e.get(name) if e else None for e in early], np.float64))
        for name in ("price", "weight")
    }
    words = TextColumn.of([one.get("language") for one in early])
    columns = attributes.live_columns(numbers | {"language": words}, 0)
    for row, item in enumerate(items):
        for name, column in columns.items():
            if item["later"]:
                column.put(row, item[name])
    catalogue = replace(CATALOGUE, attributes=columns)
    rows = np.arange(len(items))
    mask = parse_filter(text, column_kinds(columns))(catalogue, rows)
    assert mask.dtype == np.bool_
    assert mask.tolist() == [plain(item) for item in items]
    assert (
        parse_filter(text, column_kinds(columns))(catalogue, rows[::-1]).tolist()
        == mask.tolist()[::-1]
    )


@given(
    st.text(max_size=60)
    | st.text("()[]and or not in=<>!'\"year category 0123456789.,_", max_size=60)
)
@example("year\x00")
@example("\ud800")
@example("year == \ud800")
def test_any_text_is_compiled_or_refused(text):
    try:
        test = parse_filter(text)
    except FilterError:
        return
    assert test(CATALOGUE, ALL).shape == (4,)
