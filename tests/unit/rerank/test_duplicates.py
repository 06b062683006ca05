"""Items of the same title and year do not stand twice in a list."""

from dataclasses import replace

import numpy as np
import pytest

from app.catalogue.catalogue import Catalogue
from app.catalogue.duplicates import duplicate_groups, groups_of
from app.catalogue.ids import Texts
from tests.fakes import ITEMS, rows
from tests.unit.rerank.slates import CATALOGUE, PLAIN, build_slate, shown

GROUPS = np.full(ITEMS, -1, np.int32)
GROUPS[[20, 22, 24]] = 0
GROUPS[[21, 60]] = 1


def titled(titles, years) -> Catalogue:
    packed = Texts.of([*titles, *[None] * (len(CATALOGUE) - len(titles))])
    released = np.full(len(CATALOGUE), np.nan, np.float32)
    released[: len(years)] = years
    return replace(CATALOGUE, titles=packed, released=released)


def test_items_of_one_title_and_year_are_a_group_whatever_their_case_and_spaces():
    titles = ["Hamlet", "hamlet ", "Hamlet", "Othello", None, None, "Emma", "EMMA"]
    years = [1996, 1996, 1990, 1996, 1996, 1996, np.nan, np.nan]
    groups = duplicate_groups(titled(titles, years))
    assert (groups[:2] == groups[0]).all()
    assert groups[0] >= 0
    assert groups[2:6].tolist() == [-1] * 4
    assert groups[6] == groups[7] >= 0
    assert groups[6] != groups[0]
    assert groups_of(groups, rows(1, 3, len(groups) + 5)).tolist() == [groups[0], -1, -1]


def test_the_best_of_a_group_is_listed_and_the_next_candidates_fill_the_gaps():
    slate = build_slate(PLAIN, duplicates=GROUPS)
    assert shown(slate) == [20, 21, 23, 25, 26]
    assert slate.rejections()["duplicate_cap"] == 2


@pytest.mark.parametrize(
    ("cap", "expected"), [(2, [20, 21, 22, 23, 25]), (0, [20, 21, 22, 23, 24])]
)
def test_the_cap_is_a_setting_and_can_be_turned_off(cap, expected):
    assert shown(build_slate(replace(PLAIN, duplicate_cap=cap), duplicates=GROUPS)) == expected


def test_a_minimum_that_cannot_be_filled_is_named():
    slate = build_slate(replace(PLAIN, provider_places={"nobody": 2}))
    assert [tuple(one) for one in slate.unfilled] == [("provider_places of nobody", 0, 2)]
    assert build_slate(PLAIN).unfilled == ()
