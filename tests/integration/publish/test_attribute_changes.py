"""A column that changes its kind is refused before a running service swaps to it."""

from dataclasses import replace

import numpy as np
import pytest

from app.bundle.activation import point_to
from app.catalogue.attributes import NumberColumn, TextColumn
from offline.data.errors import DataError
from offline.publish.attribute_changes import check_attribute_changes
from offline.publish.writer import write_bundle
from tests.bundles import build_training_result
from tests.fakes import ITEMS, small_catalogue, small_models

NUMBERS = NumberColumn(np.arange(ITEMS, dtype=np.float64))
TEXTS = TextColumn.of(["a"] * ITEMS)


def catalogue(**attributes):
    return replace(small_catalogue(), attributes=attributes)


@pytest.fixture
def served(tmp_path):
    models = small_models()
    described = replace(models, catalogue=replace(models.catalogue, attributes={"price": NUMBERS}))
    point_to(write_bundle(build_training_result(models=described), tmp_path))
    return tmp_path


def test_numbers_that_become_texts_are_refused_with_the_line_that_keeps_them(served):
    with pytest.raises(DataError, match=r"price \(number before, text now\)") as refused:
        check_attribute_changes(catalogue(price=TEXTS), served, force=False)
    assert 'attributes = { price = "number" }' in str(refused.value)
    (warning,) = check_attribute_changes(catalogue(price=TEXTS), served, force=True)
    assert "Filters that compare them would fail" in warning


def test_an_attribute_that_is_gone_is_said(served):
    (warning,) = check_attribute_changes(catalogue(size=TEXTS), served, force=False)
    assert "are not in these data: price" in warning


def test_the_same_kinds_and_new_attributes_are_fine(served, tmp_path):
    assert check_attribute_changes(catalogue(price=NUMBERS, size=TEXTS), served, force=False) == []
    assert check_attribute_changes(catalogue(price=TEXTS), tmp_path / "none", force=False) == []
