from dataclasses import replace

from tests.fakes import history, query, rows
from tests.unit.rerank.slates import PLAIN, build_slate, shown

DEMOTING = replace(PLAIN, seen="demote", demotion=2.0)


def test_seen_items_are_demoted_where_the_scene_says_so():
    acted = query(k=20, history=history((20, 5, 1, 9e8), (22, 5, 1, 9e8)))
    assert shown(build_slate(DEMOTING, acted))[-2:] == [20, 22]
    assert shown(build_slate(replace(DEMOTING, seen="keep"), acted))[0] == 20
    assert shown(build_slate(DEMOTING, query(k=20)))[0] == 20


def test_items_shown_lately_are_demoted_where_the_scene_says_so():
    showed = query(k=20, impressions=rows(20, 23))
    assert shown(build_slate(replace(PLAIN, shown="demote", demotion=2.0), showed))[-2:] == [20, 23]
    assert shown(build_slate(PLAIN, showed))[0] == 20
