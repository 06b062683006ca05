"""What is searched, part after part, and what makes a study the same one as before."""

import hashlib
import importlib.metadata
from functools import partial

import orjson

from app.cpu import Cpu
from app.features.views import CHANNELS, view_hash
from offline.job import JobConfig
from offline.publish.flatten_config import flatten_config
from offline.tune.parameter import Setting
from offline.tune.ranker import Coarses, Fines, Replays
from offline.tune.recall import Recall
from offline.tune.space import CHANNEL, COARSE, FINE, RECALL, SIZES
from offline.tune.study import Part
from offline.tune.whole_funnel import judge_sizes
from offline.tune.windows import Known

FACTORISATIONS = frozenset(name for name in CHANNEL if CHANNEL[name] == "embedding")


def parts(known: Known, base: JobConfig, cpu: Cpu) -> list[Part]:
    """List the parts in the order in which they are searched; each builds on those before it.

    Each recall model alone first: that is cheap. Then the rankers on what recall proposes, and the
    numbers of candidates last, for each of them needs a replay of its own.
    """
    recall, replays = Recall(known, base, cpu), Replays(known, cpu)
    metric = f"recall@{recall.limit}"
    alone = [
        Part(name, metric, _timed(RECALL[name], known), partial(recall.judge, name))
        for name in RECALL
        if CHANNEL[name] in CHANNELS and name not in FACTORISATIONS - {base.recall.factorisation}
    ]
    return [
        *alone,
        Part("fine", "NDCG@10", _timed(FINE, known), Fines(replays).judge, weight=3),
        Part("coarse", "share kept", COARSE, Coarses(replays).judge),
        Part("sizes", "NDCG@10", SIZES, partial(judge_sizes, known, cpu), weight=3, cost=4),
    ]


def _timed(settings: tuple[Setting, ...], known: Known) -> tuple[Setting, ...]:
    """Leave out how fast things fade where there is no time."""
    is_timed = known.dataset.traits.has_times
    return tuple(one for one in settings if is_timed or not one.name.endswith("half_life"))


def study_name(known: Known, base: JobConfig, part: Part) -> str:
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
