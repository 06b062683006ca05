"""What the caller of a request asks for: boosts and pins."""

from dataclasses import replace

import numpy as np

from tests.fakes import pool, query
from tests.unit.rerank.slates import BEST, CATALOGUE, PLAIN, build_slate, builder, shown, slots

NAMES = CATALOGUE.ids.names(np.arange(len(CATALOGUE)))
LAST = BEST[-1]


def boost(amount, *rows):
    items = ", ".join(f'"{NAMES[row]}"' for row in rows)
    return f"{amount} if item_id in [{items}]"


def test_a_boost_moves_candidates_up_and_a_negative_one_down():
    up = query(k=5, boosts=(boost(2, LAST),))
    assert shown(build_slate(PLAIN, up)) == [LAST, *BEST[:4]]
    down = query(k=5, boosts=(boost(-2, BEST[0]),))
    assert shown(build_slate(PLAIN, down)) == [*BEST[1:6]]
    assert shown(build_slate(PLAIN, query(k=5))) == [*BEST[:5]]


def test_boosts_add_up_and_bring_in_no_other_item():
    both = query(k=3, boosts=(boost(0.6, BEST[2], 50), boost(0.6, BEST[2])))
    assert shown(build_slate(PLAIN, both)) == [BEST[2], BEST[0], BEST[1]]


def test_a_boost_is_measured_in_the_range_of_the_candidates():
    near = pool(21, 22, 23, scores=[1.0, 0.6, 0.0])
    for amount, first in ((0.3, 21), (0.5, 22)):
        asked = query(k=2, boosts=(boost(amount, 22),))
        assert shown(builder(PLAIN).rerank(asked, near))[0] == first


def test_a_pinned_item_stands_at_its_position_whether_it_was_recalled_or_not():
    asked = query(k=5, pins=((2, NAMES[60]), (4, NAMES[BEST[9]])))
    slate = build_slate(PLAIN, asked)
    assert shown(slate) == [BEST[0], 60, BEST[1], BEST[9], BEST[2]]
    assert slots(slate) == ["organic", "pinned", "organic", "pinned", "organic"]
    assert [name for name, _ in slate.trace()] == ["diversity", "pin", "finish"]


def test_a_pin_of_the_request_wins_the_position_of_the_scene():
    scene = replace(PLAIN, pinned={NAMES[61]: 1})
    slate = build_slate(scene, query(k=4, pins=((1, NAMES[60]),)))
    assert shown(slate)[:2] == [60, 61]


def test_pins_hold_in_a_scene_without_policies_and_count_positions_over_all_pages():
    bare = replace(PLAIN, order=())
    assert shown(build_slate(bare, query(k=3, pins=((1, NAMES[60]),))))[0] == 60
    second = query(k=3, offset=3, pins=((1, NAMES[60]), (5, NAMES[61])))
    assert shown(build_slate(bare, second)) == [BEST[0], 61, BEST[1]]


def test_no_pin_and_no_boost_undoes_a_hard_filter():
    asked = query(k=3, exclude=(60,), pins=((1, NAMES[60]), (2, NAMES[63])), boosts=(boost(9, 27),))
    slate = build_slate(PLAIN, asked, catalogue=CATALOGUE)  # every ninth is not available
    assert not {27, 60, 63} & set(shown(slate))
    assert len(shown(slate)) == 3
