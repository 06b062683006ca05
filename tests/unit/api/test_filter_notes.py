"""Sentences about filters and boosts that compare with names that no item has."""

from app.api.filter_notes import filter_notes
from app.catalogue.unknown_names import MAX_LOOKUPS
from tests.unit.expressions.test_item_filter import CATALOGUE


def test_all_filters_of_a_request_share_the_look_ups():
    texts = [f'category in ("drama{n}", "drama{n}x") or flag == "drama{n}"' for n in range(5)]
    notes = filter_notes(CATALOGUE, texts)
    hints = [note for note in notes if 'did you mean "drama"' in note]
    assert 0 < len(hints) <= MAX_LOOKUPS
    assert len(notes) == 15
