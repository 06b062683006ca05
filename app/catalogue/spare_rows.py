"""Spare rows: a bundle's arrays made longer once, when it is loaded, for items that come later."""

from dataclasses import replace

from app.artifacts import Models
from app.catalogue.catalogue_overlay import CatalogueOverlay, lengthened, with_empty_rows


def with_spare_rows(models: Models, catalogue: CatalogueOverlay) -> Models:
    """Give the models with this catalogue in place of theirs, and as many rows as it has.

    What belongs to a row is copied: workers share it no longer. Without spare rows that is the
    catalogue alone, some bytes an item; with them also vectors and segments. Popularity keeps its
    length: ``Live`` makes its own.
    """
    spare = len(catalogue) - len(models.catalogue)
    if not spare:
        return replace(models, catalogue=catalogue)
    return replace(
        models,
        catalogue=catalogue,
        segments=replace(models.segments, share=lengthened(models.segments.share, len(catalogue))),
        factors=replace(models.factors, items=with_empty_rows(models.factors.items, spare)),
        content=replace(models.content, items=with_empty_rows(models.content.items, spare)),
    )
