"""Attributes that a caller tells of an item: of names and kinds that the bundle knows."""

from collections.abc import Mapping

from app.api.errors import RefusalError
from app.catalogue.attributes import (
    AttributeValue,
    JsonScalar,
    column_kinds,
    convert_value,
    describe_kinds,
)
from app.catalogue.catalogue import Catalogue


def check_attributes(
    catalogue: Catalogue, told: Mapping[str, JsonScalar | None]
) -> dict[str, AttributeValue | None]:
    """Give the attributes as their columns hold them.

    Raises:
        RefusalError: the bundle does not know one of them, or it cannot be so.
    """
    known = column_kinds(catalogue.attributes)
    found: dict[str, AttributeValue | None] = {}
    for name, value in told.items():
        kind = dict(known).get(name)
        if kind is None:
            there = (
                f"there are {describe_kinds(known)}" if known else "this bundle knows none of items"
            )
            raise RefusalError(
                422,
                f"there is no attribute {name}; {there}: name columns of the items file in its "
                "schema and train",
                f"attributes.{name}",
            )
        try:
            found[name] = None if value is None else convert_value(name, kind, value)
        except ValueError as error:
            raise RefusalError(422, str(error), f"attributes.{name}") from None
    return found
