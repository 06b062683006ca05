"""The one list of a bundle's arrays."""

from dataclasses import replace

import numpy as np
import pytest

from app.bundle.layout import collect_arrays, list_arrays, read_arrays
from tests.fakes import small_models


def files_of(models):
    return list_arrays(list(models.tables), {}, has_cold_items=False)


def write(models, folder):
    for name, array in collect_arrays(models).items():
        np.save(folder / f"{name}.npy", array)


def test_what_is_written_is_read_back_in_its_place(tmp_path):
    models = small_models()
    write(models, tmp_path)
    parts = read_arrays(tmp_path, files_of(models))
    assert np.array_equal(parts["factors"]["items"], models.factors.items)
    assert np.array_equal(parts["users"]["ids"]["keys"], models.users.ids.keys)
    assert np.array_equal(parts["tables"]["item_cf"]["rows"], models.tables["item_cf"].rows)


def test_no_two_arrays_share_a_file_or_a_place():
    files = list_arrays(
        ["ease", "item_cf"],
        {"price": "number", "language": "text"},
        has_cold_items=True,
    )
    assert len({entry.file for entry in files}) == len({entry.path for entry in files})
    assert len({entry.file for entry in files}) == len(files)


def test_optional_arrays_are_listed_only_where_they_exist():
    names = {entry.file for entry in files_of(small_models())}
    assert not {name for name in names if name.startswith(("cold_items", "catalogue.attributes"))}


def test_a_bundle_of_the_earlier_format_has_matrices_of_tags_instead_of_lists():
    before = list_arrays([], {}, has_cold_items=False, has_tag_lists=False, has_marked_flags=True)
    now = list_arrays([], {}, has_cold_items=False)
    names = [{entry.file for entry in files} for files in (before, now)]
    assert "catalogue.flags" in names[0]
    assert {"catalogue.flags.codes", "catalogue.category_lists.codes"} <= names[1] - names[0]


def test_an_array_of_another_type_is_refused():
    models = small_models()
    wide = replace(models.content, items=models.content.items.astype(np.float64))
    with pytest.raises(ValueError, match=r"content.items.npy holds float64, but float32"):
        collect_arrays(replace(models, content=wide))


@pytest.mark.parametrize("change", [lambda items: items[:-1], lambda items: items[:, 0]])
def test_an_array_that_disagrees_with_the_others_is_refused(change):
    models = small_models()
    short = replace(models.content, items=change(models.content.items))
    with pytest.raises(ValueError, match=r"content.items.npy has the shape"):
        collect_arrays(replace(models, content=short))


def test_a_damaged_file_is_refused_when_it_is_read(tmp_path):
    models = small_models()
    write(models, tmp_path)
    np.save(tmp_path / "users.times.npy", models.users.times[:-1])
    with pytest.raises(ValueError, match=r"users.times.npy has the shape"):
        read_arrays(tmp_path, files_of(models))
