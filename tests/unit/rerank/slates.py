"""A small world for the last stage: candidates, settings and a builder of slates."""

from dataclasses import replace

import numpy as np

from app.catalogue.tag_lists import TagLists
from app.contracts import SLOTS
from app.rerank.policies import SceneSettings
from app.rerank.slate_builder import SlateBuilder
from app.state.counters import PopularityCounters
from tests.fakes import ITEMS, pool, query, small_models

MODELS = small_models()
CATALOGUE = replace(
    MODELS.catalogue,
    available=np.arange(ITEMS) % 9 != 0,
    flags=TagLists.of_marks((np.arange(ITEMS)[:, None] % 4 == 3).astype(np.uint8), ("adult",)),
)
BEST = tuple(range(20, 40))  # candidates, best first
PLAIN = SceneSettings(diversity=0.0, freshness=0.0, explore_slots=0, explore_from=5)
COUNTERS = PopularityCounters(MODELS.popularity)


def builder(policy=PLAIN, **parts):
    usual = {"catalogue": MODELS.catalogue, "content": MODELS.content.items, "counters": COUNTERS}
    return SlateBuilder(**(usual | parts), default_scene=policy)


def build_slate(policy=PLAIN, request_query=None, items=BEST, **parts):
    return builder(policy, **parts).rerank(request_query or query(k=5), pool(*items))


def shown(slate):
    return slate.pool.rows.tolist()


def slots(slate):
    return [SLOTS[code] for code in slate.slots]
