"""What is searched, part after part, and what makes a study the same one as before."""

import hashlib
import importlib.metadata
from functools import partial

import orjson

from app.cpu import Cpu
from app.features.views import view_hash
from app.recall.registry import CHANNELS
from offline.job import JobConfig
from offline.models.registry import FACTOR_MODELS, RECALL_MODELS
from offline.publish.flatten_config import flatten_config
from offline.tune.parameter import SearchDimension
from offline.tune.ranker import CoarseJudge, FineJudge, WindowReplays
from offline.tune.recall import RecallJudge
from offline.tune.space import COARSE, FINE, RECALL, SIZES
from offline.tune.study import SearchPart
from offline.tune.whole_funnel import evaluate_sizes
from offline.tune.windows import TuningData


def search_parts(known: TuningData, base: JobConfig, cpu: Cpu) -> list[SearchPart]:
    """List the parts in the order in which they are searched; each builds on those before it.

    Each recall model alone first: that is cheap. Then the rankers on what recall proposes, and the
    numbers of candidates last, for each of them needs a replay of its own.
    """
    recall, replays = RecallJudge(known, base, cpu), WindowReplays(known, cpu)
    metric = f"recall@{recall.limit}"
    alone = [
        SearchPart(name, metric, _timed(RECALL[name], known), partial(recall.judge, name))
        for name in RECALL
        if RECALL_MODELS[name].channel in CHANNELS
        and name not in FACTOR_MODELS - {base.recall.factorisation}
    ]
    return [
        *alone,
        SearchPart("fine", "NDCG@10", _timed(FINE, known), FineJudge(replays).judge, weight=3),
        SearchPart("coarse", "share kept", COARSE, CoarseJudge(replays).judge),
        SearchPart(
            "sizes", "NDCG@10", SIZES, partial(evaluate_sizes, known, cpu), weight=3, cost=4
        ),
    ]


def _timed(settings: tuple[SearchDimension, ...], known: TuningData) -> tuple[SearchDimension, ...]:
    """Leave out how fast things fade where there is no time."""
    is_timed = known.dataset.traits.has_times
    return tuple(one for one in settings if is_timed or not one.name.endswith("half_life"))


def study_name(known: TuningData, base: JobConfig, part: SearchPart) -> str:
    """Name a study by all that its figures depend on: other data make another study."""
    facts = {
        "version": importlib.metadata.version("recfunnel"),
        "features": view_hash(),
        "space": repr(part.settings),
        "told": flatten_config(base),
        "windows": known.windows,
    }
    digest = hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))
    log, catalogue = known.dataset.log, known.dataset.catalogue
    columns = (log.users, log.items, log.values, log.weights, log.times)
    for array in (*columns, catalogue.categories, catalogue.released, catalogue.titles.utf8):
        digest.update(array.tobytes())
    return f"{part.name}-{digest.hexdigest()[:12]}"
