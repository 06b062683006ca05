"""Fits one recall model anew and leaves the others as they are: a trial changes only one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.artifacts import Models, NeighbourTable
from offline.data.dataset import Dataset, Log
from offline.models import (
    cold_items,
    content,
    ease,
    item_cf,
    rp3beta,
    segments,
    transitions,
    user_cf,
)
from offline.models.registry import RecallConfig, fit_factors

TABLES: dict[str, Callable[..., NeighbourTable]] = {
    "item_cf": item_cf.fit,
    "ease": ease.fit,
    "rp3beta": rp3beta.fit,
    "transitions": transitions.fit,
}


def refit(models: Models, dataset: Dataset, log: Log, config: RecallConfig, name: str) -> Models:
    """Fit the model that has this name in the configuration as ``offline.models.registry`` would.

    ``models`` were fitted on the same ``log``; what else in them rests on this model stays.
    """
    shape = (len(dataset.users), len(dataset.catalogue))
    if name in TABLES:
        table = TABLES[name](log, shape, getattr(config, name))
        return replace(models, tables={**models.tables, name: table})
    return replace(models, **_other(models, dataset, log, config, name))


def _other(
    models: Models, dataset: Dataset, log: Log, config: RecallConfig, name: str
) -> dict[str, Any]:
    """Fit a model that is no table of items; gives the parts of ``Models`` that it makes."""
    shape = (len(dataset.users), len(dataset.catalogue))
    match name:
        case "user_cf":
            explicit, likeness = dataset.traits.is_explicit, config.user_cf.likeness
            centred = user_cf.is_centred(log, shape, likeness, explicit=explicit)
            raters = user_cf.fit(log, shape, config.user_cf, centred=centred)
            return {"tables": {**models.tables, "raters": raters}, "centred": centred}
        case "content":
            described, reader = content.fit_with_encoder(
                dataset.catalogue, config.content, config.seed
            )
            placing = cold_items.fit_cold_item_model(
                models.factors, described, reader, log, config.placement
            )
            return {"content": described, "cold_item_model": placing}
        case "segments":
            encoding = segments.encode_segments(dataset.attributes, shape[0])
            return {"segments": segments.fit(log, encoding, shape[1], config.segments)}
        case _:
            vectors = fit_factors(log, shape, config)
            described, reader = (
                models.content,
                models.cold_item_model.encoder if models.cold_item_model else None,
            )
            factors = cold_items.place_cold_items(vectors, described, log, config.placement)
            placing = cold_items.fit_cold_item_model(
                factors, described, reader, log, config.placement
            )
            return {"factors": factors, "cold_item_model": placing}
