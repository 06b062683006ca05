"""A starter bundle: what is served before anything can be trained, with items or without any.

It is an ordinary bundle without models. Its lists come from the channels that need no training:
new items, what is popular by live events, and what is similar by categories and words to what the
user liked.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.artifacts import Content, Factors, Models, NeighbourTable, Rankers, Sizes
from app.bundle.activation import point_to
from app.catalogue.cold_items import ColdItemModel, HashedEncoder
from app.catalogue.ids import IdIndex
from app.event_weights import EventWeights
from app.features.views import COARSE_VIEW, FINE_VIEW, View, column_names
from app.rank.logistic import Logistic
from app.rank.scorer import LOGISTIC, MatrixScorer, RankerKinds
from offline.data.dataset import NO_LOG, Dataset, DataTraits
from offline.data.items import build_catalogue
from offline.data.schema import ItemsFile
from offline.models.content import ContentConfig, fit_content_and_encoder
from offline.models.popularity import PopularityConfig, fit_popularity
from offline.models.registry import RECALL_MODELS, build_friends, build_users
from offline.models.segments import SegmentsConfig, encode_segments, fit_segments
from offline.publish.writer import TrainingResult, write_bundle

HASHED_SIZE = 256  # two of 20 words of an item share a place in half of all items
SEED = 7
NO_ITEMS = Dataset(
    name="none",
    users=IdIndex.of([]),
    attributes={},
    catalogue=build_catalogue(None, ItemsFile(), IdIndex.of([])),
    log=NO_LOG,
    traits=DataTraits(is_explicit=False, positive_at=EventWeights().positive_at, has_times=True),
    friends=np.empty((0, 2), np.int32),
)


def publish_starter(
    out: Path,
    dataset: Dataset = NO_ITEMS,
    event_weights: EventWeights | None = None,
    now: Callable[[], float] = time.time,
    on_written: Callable[[str, str | None], None] | None = None,
) -> Path:
    """Write a starter bundle with the items of ``dataset``, put it into service, return its folder.

    The interactions of the dataset are not used. ``on_written`` gets the version, and no verdict,
    just before the bundle is put into service.
    """
    rankers = Rankers(_merge_order_ranker(COARSE_VIEW), _merge_order_ranker(FINE_VIEW))
    result = TrainingResult(
        models=build_untrained_models(dataset, now()),
        rankers=rankers,
        ranker_kinds=RankerKinds(coarse=LOGISTIC, fine=LOGISTIC),
        sizes=Sizes(),
        event_weights=event_weights or EventWeights(),
        dataset=dataset.name,
        interactions=0,
        seed=SEED,
        metrics={},
        is_starter=True,
    )
    folder = write_bundle(result, out, now)
    if on_written:
        on_written(folder.name, None)
    point_to(folder)
    return folder


def build_untrained_models(dataset: Dataset, at: float) -> Models:
    """Build the models of a dataset without interactions as of ``at``, unix seconds."""
    n, catalogue = len(dataset.catalogue), dataset.catalogue
    encoding = encode_segments(dataset.attributes, len(dataset.users))
    content, encoder = fit_content_and_encoder(catalogue, ContentConfig(), SEED)
    if encoder is None:
        content = Content(np.zeros((n, HASHED_SIZE), np.float32))
    size = content.items.shape[1]
    no_neighbours = NeighbourTable(
        np.zeros(n + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)
    )
    tables = [name for name, model in RECALL_MODELS.items() if model.fit_table]
    return Models(
        catalogue=catalogue,
        users=build_users(NO_LOG, dataset.users, encoding.codes),
        popularity=fit_popularity(NO_LOG, n, at, PopularityConfig()),
        segments=fit_segments(NO_LOG, encoding, n, SegmentsConfig()),
        factors=Factors(
            np.empty((n, 0), np.float32), np.empty((0, 0), np.float32), alpha=1.0, reg=1.0
        ),
        content=content,
        tables=dict.fromkeys([*tables, "raters"], no_neighbours),
        friends=build_friends(dataset.friends, len(dataset.users)),
        centred=False,
        cold_item_model=ColdItemModel.without_factors(encoder or HashedEncoder(size), size),
    )


def _merge_order_ranker(view: View) -> MatrixScorer[Logistic]:
    """Return a ranker that keeps the order of the fused ranks."""
    columns = column_names(view)
    weights = np.array([float(name == "fused") for name in columns], np.float32)
    zeros, ones = np.zeros(len(columns), np.float32), np.ones(len(columns), np.float32)
    return MatrixScorer(Logistic(mean=zeros, scale=ones, weights=weights, bias=0.0))
