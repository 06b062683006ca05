"""The parts of a search in their order, and the names of their studies."""

import hashlib
import importlib.metadata
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import orjson

from app.cpu import Cpu
from app.features.views import view_hash
from app.recall.registry import CHANNELS
from offline.config import JobConfig
from offline.models.registry import FACTOR_MODELS, RECALL_MODELS
from offline.publish.flatten_config import flatten_config
from offline.tune.evaluators import (
    CoarseEvaluator,
    FineEvaluator,
    RecallEvaluator,
    WindowTables,
    evaluate_sizes,
)
from offline.tune.space import COARSE, FINE, RECALL, SIZES, SearchDimension
from offline.tune.study import SearchPart
from offline.tune.windows import TuningData

PartsFunction: TypeAlias = Callable[[TuningData, JobConfig, Cpu], list[SearchPart]]


def search_parts(data: TuningData, base: JobConfig, cpu: Cpu) -> list[SearchPart]:
    """List the parts in the order in which they are searched. Each builds on those before it.

    The recall models come first, each alone, because they are cheap. The rankers follow. The
    numbers of candidates come last, because each of their trials needs its own replay.
    """
    recall, replays = RecallEvaluator(data, base, cpu), WindowTables(data, cpu)
    metric = f"recall@{recall.limit}"
    alone = [
        SearchPart(name, metric, _timed(RECALL[name], data), partial(recall.evaluate, name))
        for name in RECALL
        if RECALL_MODELS[name].channel in CHANNELS
        and name not in FACTOR_MODELS - {base.recall.factorisation}
    ]
    return [
        *alone,
        SearchPart(
            "fine", "NDCG@10", _timed(FINE, data), FineEvaluator(replays).evaluate, weight=3
        ),
        SearchPart("coarse", "share kept", COARSE, CoarseEvaluator(replays).evaluate),
        SearchPart("sizes", "NDCG@10", SIZES, partial(evaluate_sizes, data, cpu), weight=3, cost=4),
    ]


def _timed(settings: tuple[SearchDimension, ...], data: TuningData) -> tuple[SearchDimension, ...]:
    """Leave out the half-lives where the data has no times."""
    is_timed = data.dataset.traits.has_times
    return tuple(one for one in settings if is_timed or not one.name.endswith("half_life"))


def study_name(data: TuningData, base: JobConfig, part: SearchPart) -> str:
    """Return the name of a study, from all that its figures depend on."""
    facts = {
        "version": importlib.metadata.version("recfunnel"),
        "features": view_hash(),
        "space": repr(part.settings),
        "settings": flatten_config(base),
        "windows": data.windows,
    }
    digest = hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))
    log, catalogue = data.dataset.log, data.dataset.catalogue
    columns = (log.users, log.items, log.values, log.weights, log.times)
    for array in (*columns, catalogue.categories, catalogue.released, catalogue.titles.utf8):
        digest.update(array.tobytes())
    return f"{part.name}-{digest.hexdigest()[:12]}"
