"""The channels whose constants are chosen in different processes."""

from itertools import chain

from offline.adaptation.recall_constants import GROUPS, MODELS


def test_every_channel_is_in_one_group():
    assert sorted(chain(*GROUPS)) == sorted(MODELS)
