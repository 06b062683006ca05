"""Check the options that all requests for a list share: k, the scene, the filter, the fields."""

from collections.abc import Iterator, Sequence

from app.api.errors import Fault, RefusalError
from app.api.item_fields import field_faults
from app.api.pins import pin_faults
from app.api.schemas import ListOptions, SelectionOptions
from app.catalogue.attributes import column_kinds
from app.catalogue.catalogue import Catalogue
from app.expressions.boost import parse_boost
from app.expressions.item_filter import FilterError, parse_filter
from app.service.deployment import Deployment
from app.service.service import Service


def require_valid_options(
    service: Service, deployment: Deployment, options: SelectionOptions, fields: Sequence[str] = ()
) -> None:
    """Refuse a request with all that is wrong with its options.

    ``fields`` are the names of attributes that the answer shall carry.
    """
    faults = list(_option_faults(service, deployment, options))
    faults += field_faults(deployment.bundle.models.catalogue, fields) if fields else []
    if faults:
        raise RefusalError.of(faults)


def _option_faults(
    service: Service, deployment: Deployment, options: SelectionOptions
) -> Iterator[Fault]:
    if options.k > service.settings.k_max:
        yield Fault(f"k is {options.k}, the maximum is {service.settings.k_max}", "k")
    if not service.accepts_scene(options.scene):
        names = ", ".join(service.scene_names)
        yield Fault(f"there is no scene {options.scene}; there are {names}", "scene")
    if options.filter:
        try:
            columns = deployment.bundle.models.catalogue.attributes
            parse_filter(options.filter, column_kinds(columns))
        except FilterError as error:
            yield Fault(str(error), "filter")
    if isinstance(options, ListOptions) and (options.boost or options.pin):
        catalogue = deployment.live_items.catalogue
        yield from _boost_faults(options.boost, catalogue)
        for fault in pin_faults(options.pin, catalogue, service.settings.k_max):
            yield Fault(fault, "pin")


def _boost_faults(boosts: Sequence[str], catalogue: Catalogue) -> Iterator[Fault]:
    for boost in boosts:
        try:
            parse_boost(boost, column_kinds(catalogue.attributes))
        except FilterError as error:
            yield Fault(str(error), "boost")
