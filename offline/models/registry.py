"""Fits all recall models as of one moment: the whole of recall training in one screen."""

from dataclasses import dataclass, field, fields, replace
from typing import Literal

import numpy as np

from app.artifacts import Factors, Models
from app.bounds import Seed
from offline.data.dataset import Dataset, Log
from offline.models import (
    als,
    als_explicit,
    bpr,
    cold_items,
    content,
    ease,
    item_cf,
    popularity,
    rp3beta,
    segments,
    sgd,
    transitions,
    user_cf,
    users,
)
from offline.models.als import ALSConfig
from offline.models.als_explicit import ExplicitALSConfig
from offline.models.bpr import BPRConfig
from offline.models.cold_items import PlacementConfig
from offline.models.content import ContentConfig
from offline.models.ease import EASEConfig
from offline.models.interactions import LogShape
from offline.models.item_cf import ItemCFConfig
from offline.models.popularity import PopularityConfig
from offline.models.rp3beta import RP3betaConfig
from offline.models.segments import SegmentsConfig
from offline.models.sgd import SGDConfig
from offline.models.transitions import TransitionsConfig
from offline.models.user_cf import UserCFConfig


@dataclass(frozen=True, slots=True)
class RecallConfig:
    """How every recall model is fitted, and the seed of all that is random in it."""

    seed: Seed = 0
    factorisation: Literal["als", "bpr", "sgd", "als_explicit"] = "als"
    item_cf: ItemCFConfig = field(default_factory=ItemCFConfig)
    user_cf: UserCFConfig = field(default_factory=UserCFConfig)
    ease: EASEConfig = field(default_factory=EASEConfig)
    rp3beta: RP3betaConfig = field(default_factory=RP3betaConfig)
    transitions: TransitionsConfig = field(default_factory=TransitionsConfig)
    als: ALSConfig = field(default_factory=ALSConfig)
    bpr: BPRConfig = field(default_factory=BPRConfig)
    sgd: SGDConfig = field(default_factory=SGDConfig)
    als_explicit: ExplicitALSConfig = field(default_factory=ExplicitALSConfig)
    content: ContentConfig = field(default_factory=ContentConfig)
    placement: PlacementConfig = field(default_factory=PlacementConfig)
    popularity: PopularityConfig = field(default_factory=PopularityConfig)
    segments: SegmentsConfig = field(default_factory=SegmentsConfig)


def fit_models(dataset: Dataset, log: Log, config: RecallConfig, at: float) -> Models:
    """Fit the recall models on ``log``, what is known at ``at``, unix seconds.

    Of the dataset only what does not change with time is read: ids, attributes, the catalogue.

    Raises:
        ValueError: the log holds events that are later than ``at``.
    """
    if len(log) and log.times[-1] > at:
        raise ValueError(
            f"the newest event is of {log.times[-1]:.0f}, later than {at:.0f}: "
            "fit on log.before(at), so that nothing is known before it happened"
        )
    config = config if dataset.traits.has_times else _timeless(config)
    n = len(dataset.catalogue)
    shape = (len(dataset.users), n)
    likeness = config.user_cf.likeness
    centred = user_cf.is_centred(log, shape, likeness, explicit=dataset.traits.is_explicit)
    encoding = segments.encode_segments(dataset.attributes, shape[0])
    described, reader = content.fit_with_encoder(dataset.catalogue, config.content, config.seed)
    factors = cold_items.place_cold_items(
        fit_factors(log, shape, config), described, log, config.placement
    )
    return Models(
        catalogue=dataset.catalogue,
        users=users.build_users(log, dataset.users, encoding.codes),
        popularity=popularity.fit(log, n, at, config.popularity),
        segments=segments.fit(log, encoding, n, config.segments),
        factors=factors,
        content=described,
        tables={
            "item_cf": item_cf.fit(log, shape, config.item_cf),
            "raters": user_cf.fit(log, shape, config.user_cf, centred=centred),
            "ease": ease.fit(log, shape, config.ease),
            "rp3beta": rp3beta.fit(log, shape, config.rp3beta),
            "transitions": transitions.fit(log, shape, config.transitions),
        },
        friends=users.build_friends(dataset.friends, shape[0]),
        centred=centred,
        cold_item_model=cold_items.fit_cold_item_model(
            factors, described, reader, log, config.placement
        ),
    )


def _timeless(config: RecallConfig) -> RecallConfig:
    """Let nothing fade: without timestamps the log's times are made up."""
    parts = {one.name: getattr(config, one.name) for one in fields(config)}
    fading = {name: part for name, part in parts.items() if hasattr(part, "half_life")}
    return replace(
        config, **{name: replace(part, half_life=np.inf) for name, part in fading.items()}
    )


def fit_factors(log: Log, shape: LogShape, config: RecallConfig) -> Factors:
    """Factorise the log by the configured method."""
    match config.factorisation:
        case "als":
            return als.fit(log, shape, config.als, config.seed)
        case "bpr":
            return bpr.fit(log, shape, config.bpr, config.seed)
        case "sgd":
            return sgd.fit(log, shape, config.sgd, config.seed)
        case "als_explicit":
            return als_explicit.fit(log, shape, config.als_explicit, config.seed)
