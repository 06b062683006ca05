"""The recall models: their settings, and how all of them, or one of them, are fitted.

A model that fits a table from item to items is one file, with its settings and a function
``fit_<name>(log, shape, config) -> NeighbourTable``, and one line in ``RecallConfig``. The table in
the bundle has the name of that line. Fitting and tuning follow from the line.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from app.artifacts import NO_FRIENDS, Factors, Friends, Models, NeighbourTable, Users, Visits
from app.catalogue.cold_items import ContentEncoder
from app.catalogue.duplicates import duplicate_groups
from app.catalogue.ids import IdIndex
from app.contracts import Seed
from app.cpu import one_thread
from offline.choices import Factorisation
from offline.data.dataset import Dataset, Log
from offline.models.als import ALSConfig, fit_als
from offline.models.als_explicit import ExplicitALSConfig, fit_explicit_als
from offline.models.bpr import BPRConfig, fit_bpr
from offline.models.cold_items import PlacementConfig, fit_cold_item_model, place_cold_items
from offline.models.content import ContentConfig, fit_content_and_encoder
from offline.models.ease import EASEConfig, fit_ease
from offline.models.interactions import LogShape
from offline.models.item_cf import ItemCFConfig, fit_item_cf
from offline.models.popularity import PopularityConfig, fit_popularity
from offline.models.rp3beta import RP3betaConfig, fit_rp3beta
from offline.models.segments import SegmentsConfig, encode_segments, fit_segments
from offline.models.session_knn import SessionKNNConfig, fit_visits
from offline.models.sgd import SGDConfig, fit_sgd
from offline.models.transitions import TransitionsConfig, fit_transitions
from offline.models.user_cf import UserCFConfig, fit_raters, should_centre

FIT_THREADS = 2  # models that are fitted at once; each more needs the memory of one more fit


@dataclass(frozen=True, slots=True)
class RecallModel:
    """The fit and the tuning of one model. Its settings are the field of ``RecallConfig``."""

    channel: str  # recommends from the model; tuning measures the model by this channel
    fit_table: Callable[..., NeighbourTable] | None = None  # (log, shape, config)
    fit_factors: Callable[..., Factors] | None = None  # (log, shape, config, seed)
    fit_visits: Callable[..., Visits] | None = None  # (log, shape, config)


def _model(
    channel: str,
    table: Callable[..., NeighbourTable] | None = None,
    factors: Callable[..., Factors] | None = None,
    visits: Callable[..., Visits] | None = None,
) -> dict[str, RecallModel]:
    return {"model": RecallModel(channel, table, factors, visits)}


@dataclass(frozen=True, slots=True)
class RecallConfig:
    """The settings of every recall model, and the seed of all that is random in them.

    A model fades with time if its settings have a ``half_life``.
    """

    seed: Seed = 0
    factorisation: Factorisation = "als"
    item_cf: ItemCFConfig = field(
        default_factory=ItemCFConfig, metadata=_model("item_cf", table=fit_item_cf)
    )
    user_cf: UserCFConfig = field(default_factory=UserCFConfig, metadata=_model("user_cf"))
    ease: EASEConfig = field(default_factory=EASEConfig, metadata=_model("ease", table=fit_ease))
    rp3beta: RP3betaConfig = field(
        default_factory=RP3betaConfig, metadata=_model("rp3beta", table=fit_rp3beta)
    )
    transitions: TransitionsConfig = field(
        default_factory=TransitionsConfig, metadata=_model("sequence", table=fit_transitions)
    )
    session_knn: SessionKNNConfig = field(
        default_factory=SessionKNNConfig, metadata=_model("session_knn", visits=fit_visits)
    )
    als: ALSConfig = field(default_factory=ALSConfig, metadata=_model("embedding", factors=fit_als))
    bpr: BPRConfig = field(default_factory=BPRConfig, metadata=_model("embedding", factors=fit_bpr))
    sgd: SGDConfig = field(default_factory=SGDConfig, metadata=_model("embedding", factors=fit_sgd))
    als_explicit: ExplicitALSConfig = field(
        default_factory=ExplicitALSConfig,
        metadata=_model("embedding", factors=fit_explicit_als),
    )
    content: ContentConfig = field(default_factory=ContentConfig, metadata=_model("content"))
    placement: PlacementConfig = field(default_factory=PlacementConfig)
    popularity: PopularityConfig = field(default_factory=PopularityConfig)
    segments: SegmentsConfig = field(default_factory=SegmentsConfig, metadata=_model("popular"))


RECALL_MODELS: dict[str, RecallModel] = {
    one.name: one.metadata["model"] for one in fields(RecallConfig) if "model" in one.metadata
}
FACTOR_MODELS = frozenset(name for name, model in RECALL_MODELS.items() if model.fit_factors)


def fit_models(dataset: Dataset, log: Log, config: RecallConfig, at: float) -> Models:
    """Fit every recall model on ``log``, which holds the events before ``at``, unix seconds.

    Only what does not change with time is read from the dataset: ids, attributes, the catalogue.
    If the data has no timestamps, nothing fades, because the times of the log are random.

    Raises:
        ValueError: the log holds events that are later than ``at``.
    """
    if len(log) and log.times[-1] > at:
        raise ValueError(
            f"the newest event has the time {log.times[-1]:.0f}, which is later than {at:.0f}: "
            "fit on log.before(at), so that nothing is known before it happened"
        )
    config = config if dataset.traits.has_times else without_decay(config)
    shape = _shape(dataset)
    encoding = encode_segments(dataset.attributes, shape[0])
    tabular = {name: model.fit_table for name, model in RECALL_MODELS.items() if model.fit_table}
    with one_thread(), ThreadPoolExecutor(FIT_THREADS) as pool:  # a thread a model: the same bits
        factorised = pool.submit(fit_factors, log, shape, config)
        fitted = {
            name: pool.submit(fit, log, shape, getattr(config, name))
            for name, fit in tabular.items()
        }
        content, encoder = fit_content_and_encoder(dataset.catalogue, config.content, config.seed)
        raters, is_centred = _fit_raters(dataset, log, config)
        factors = place_cold_items(factorised.result(), content, log, config.placement)
        tables = {name: table.result() for name, table in fitted.items()}
    return Models(
        catalogue=dataset.catalogue,
        users=build_users(log, dataset.users, encoding.codes),
        popularity=fit_popularity(log, shape[1], at, config.popularity),
        segments=fit_segments(log, encoding, shape[1], config.segments),
        factors=factors,
        content=content,
        tables={**tables, "raters": raters},
        friends=build_friends(dataset.friends, shape[0]),
        centred=is_centred,
        cold_item_model=fit_cold_item_model(factors, content, encoder, log, config.placement),
        duplicates=duplicate_groups(dataset.catalogue),
        visits=fit_visits(log, shape, config.session_knn),
    )


def refit_model(
    models: Models, dataset: Dataset, log: Log, config: RecallConfig, name: str
) -> Models:
    """Fit the model ``name`` again as ``fit_models`` would, and keep the others as they are.

    ``models`` must have been fitted on the same ``log``. Models that are computed from this one
    stay, except the model of cold items.

    Raises:
        KeyError: there is no model of this name.
    """
    shape, model = _shape(dataset), RECALL_MODELS[name]
    if model.fit_table:
        table = model.fit_table(log, shape, getattr(config, name))
        return replace(models, tables={**models.tables, name: table})
    if model.fit_visits:
        return replace(models, visits=model.fit_visits(log, shape, getattr(config, name)))
    if name in FACTOR_MODELS:
        factors = fit_factors(log, shape, config)
        factors = place_cold_items(factors, models.content, log, config.placement)
        encoder = models.cold_item_model.encoder if models.cold_item_model else None
        encoder = encoder if isinstance(encoder, ContentEncoder) else None
        cold = fit_cold_item_model(factors, models.content, encoder, log, config.placement)
        return replace(models, factors=factors, cold_item_model=cold)
    if name == "content":
        content, encoder = fit_content_and_encoder(dataset.catalogue, config.content, config.seed)
        cold = fit_cold_item_model(models.factors, content, encoder, log, config.placement)
        return replace(models, content=content, cold_item_model=cold)
    if name == "segments":
        encoding = encode_segments(dataset.attributes, shape[0])
        segments = fit_segments(log, encoding, shape[1], config.segments)
        return replace(models, segments=segments)
    raters, is_centred = _fit_raters(dataset, log, config)
    return replace(models, tables={**models.tables, "raters": raters}, centred=is_centred)


def fit_factors(log: Log, shape: LogShape, config: RecallConfig) -> Factors:
    """Factorise the log by the configured method."""
    fit = RECALL_MODELS[config.factorisation].fit_factors
    if fit is None:
        raise TypeError(f"{config.factorisation} is registered without fit_factors")
    return fit(log, shape, getattr(config, config.factorisation), config.seed)


def _fit_raters(dataset: Dataset, log: Log, config: RecallConfig) -> tuple[NeighbourTable, bool]:
    """Return the table from item to users, and whether its ratings are centred by user."""
    shape, settings = _shape(dataset), config.user_cf
    explicit = dataset.traits.is_explicit
    is_centred = should_centre(log, shape, settings.likeness, explicit=explicit)
    return fit_raters(log, shape, settings, centred=is_centred), is_centred


def _shape(dataset: Dataset) -> LogShape:
    return len(dataset.users), len(dataset.catalogue)


def without_decay(config: RecallConfig) -> RecallConfig:
    """Return the settings for data without timestamps: half-lives and pauses are infinite."""
    parts = {one.name: getattr(config, one.name) for one in fields(config)}
    fading = {name: part for name, part in parts.items() if hasattr(part, "half_life")}
    faded = {name: replace(part, half_life=np.inf) for name, part in fading.items()}
    return replace(config, **{**faded, "session_knn": replace(faded["session_knn"], pause=np.inf)})


def with_pause(config: RecallConfig, pause: float) -> RecallConfig:
    """Return the settings with a pause that ends the visits of ``session_knn``, in seconds.

    A pause that the configuration has changed from its default is left alone. In data without
    visits, a pause of 0, all likes of a user are one visit.
    """
    settings = config.session_knn
    if settings.pause != SessionKNNConfig().pause:
        return config
    return replace(config, session_knn=replace(settings, pause=pause or np.inf))


def build_users(log: Log, ids: IdIndex, segments: NDArray[np.int32]) -> Users:
    """Return the events of each user, newest first; those of one time by row, then type.

    Serving joins histories in the same order (``app.query_builder.join_histories``).
    """
    keys = (log.types,) if len(log.types) else ()
    order = np.lexsort((*keys, log.items, -log.times, log.users))
    lengths = np.bincount(log.users, minlength=len(ids))
    return Users(
        ids=ids,
        indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rows=log.items[order].astype(np.int32),
        values=log.values[order],
        weights=log.weights[order],
        times=log.times[order],
        segments=segments,
        types=log.types[order] if len(log.types) else log.types,
    )


def build_friends(edges: NDArray[np.int32], users: int) -> Friends:
    """Return the friends of each user from sorted edges in both directions, (e, 2)."""
    if not len(edges):
        return NO_FRIENDS
    indptr = np.searchsorted(edges[:, 0], np.arange(users + 1)).astype(np.int64)
    return Friends(indptr, np.ascontiguousarray(edges[:, 1]))
