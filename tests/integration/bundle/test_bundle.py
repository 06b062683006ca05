"""A bundle is served whole and unharmed, or it is refused with a sentence."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import orjson
import pytest

from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.manifest import BundleError, read_manifest, write_manifest
from app.recall.vectors import search_refined
from offline.publish.index import IndexConfig, build_indexes
from offline.publish.writer import write_bundle
from tests.bundles import build_training_result, edit_manifest
from tests.fakes import small_models


def refusal(folder):
    with pytest.raises(BundleError) as raised:
        load_bundle(folder)
    told = str(raised.value)
    assert "train again" in told
    assert "\n" not in told
    return told


@pytest.fixture
def folder(out):
    return find_current_bundle(out)


def test_a_bundle_is_mapped_not_read_and_says_what_it_is(trained):
    folder = find_current_bundle(trained)
    bundle = load_bundle(folder)
    assert bundle.version == folder.name
    assert bundle.manifest.rows == {"items": 120, "users": 150, "interactions": 6_000}
    assert len(bundle.models.catalogue) == 120
    assert bundle.indexes.factors.ntotal == bundle.indexes.content.ntotal == 120
    assert bundle.sizes.recall == bundle.manifest.sizes.recall
    mapped = bundle.models.factors.items
    while mapped.base is not None and not isinstance(mapped, np.memmap):
        mapped = mapped.base
    assert isinstance(mapped, np.memmap)
    assert not bundle.models.factors.items.flags.writeable
    assert bundle.manifest.event_weights().accepts("like")


def test_every_file_of_the_bundle_is_listed_and_none_is_a_pickle(trained):
    folder = find_current_bundle(trained)
    listed = set(read_manifest(folder).files) | {"manifest.json", "manifest.sha256"}
    assert {path.name for path in folder.iterdir()} == listed
    assert {path.suffix for path in folder.iterdir()} == {
        ".npy",
        ".npz",
        ".faiss",
        ".json",
        ".txt",
        ".sha256",
    }


def test_a_folder_without_a_manifest_was_never_finished(folder):
    (folder / "manifest.json").unlink()
    assert "never finished" in refusal(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 3}', "\0\0\0"])
def test_a_manifest_that_cannot_be_read_is_damaged(folder, text):
    write_manifest(folder, text.encode())
    assert "is damaged" in refusal(folder)


def test_another_format_is_refused(folder):
    edit_manifest(folder, format=5)
    assert "has format 5, this service reads 2 to 4" in refusal(folder)


def test_the_earlier_format_without_tag_lists_is_still_served(folder):
    expected = load_bundle(folder).models.catalogue
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    for name in list(manifest["files"]):
        if name.startswith(("catalogue.category_lists", "catalogue.flags")):
            (folder / name).unlink()
            del manifest["files"][name]
    write_manifest(folder, orjson.dumps(manifest | {"format": 2}))
    catalogue = load_bundle(edit_manifest(folder)).models.catalogue
    rows = np.arange(len(catalogue))
    assert len(expected.category_lists.names)
    for name in expected.category_lists.every_name():
        of_category = expected.has_category(rows, [name])
        assert np.array_equal(catalogue.has_category(rows, [name]), of_category)
    assert catalogue.flags.every_name() == []


def test_an_earlier_format_is_refused_whatever_its_fields(folder):
    write_manifest(folder, b'{"format": 1, "reached": {}}')
    assert "has format 1, this service reads 2 to 4: train again" in refusal(folder)


def test_the_earlier_format_without_a_checksum_is_still_served(folder):
    folder = edit_manifest(folder, format=3)
    (folder / "manifest.sha256").unlink()
    assert load_bundle(folder).manifest.format == 3


def test_a_manifest_of_this_format_without_its_checksum_is_refused(folder):
    (folder / "manifest.sha256").unlink()
    assert "manifest.sha256 is missing" in refusal(folder)


def test_a_manifest_that_was_edited_by_hand_is_refused(folder):
    content = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(content.replace(b'"like"', b'"lika"'))
    assert "its SHA-256 is not the one in manifest.sha256" in refusal(folder)


def test_a_bundle_for_other_features_is_refused(folder):
    edit_manifest(folder, view="0123456789abcdef")
    assert "trained for the features 0123456789abcdef" in refusal(folder)


def names(trained_folder):
    return sorted(path.name for path in trained_folder.iterdir() if "manifest" not in path.name)


def test_each_file_that_is_missing_truncated_or_has_one_other_byte_is_refused(folder):
    for name in names(folder):
        path = folder / name
        whole = path.read_bytes()
        path.unlink()
        assert f"{name} is missing" in refusal(folder)
        path.write_bytes(whole[:-1])
        assert f"{name} is corrupt" in refusal(folder)
        middle = len(whole) // 2
        path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        assert f"{name} is corrupt" in refusal(folder)
        path.write_bytes(whole)
    assert load_bundle(folder)


def test_a_folder_in_the_place_of_a_file_is_missing(folder):
    (folder / "fine.listwise.0.txt").unlink()
    (folder / "fine.listwise.0.txt").mkdir()
    assert "fine.listwise.0.txt is missing" in refusal(folder)


@pytest.mark.parametrize(
    "name", ["factors.items.npy", "fine.listwise.0.npz", "coarse.json", "factors.faiss"]
)
def test_nonsense_with_a_right_digest_is_refused(folder, name):
    (folder / name).write_bytes(b"nonsense")
    assert "cannot be read" in refusal(edit_manifest(folder))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A bundle whose indexes have cells of codes, and the indexes that were written."""
    models = small_models()
    build = partial(build_indexes, config=IndexConfig("ivf_pq"), min_ivf_items=1)
    result = build_training_result(models=models, build_indexes=build)
    return write_bundle(result, tmp_path_factory.mktemp("cells")), models, build(models)


@pytest.fixture
def coded(written, tmp_path):
    return Path(shutil.copytree(written[0], tmp_path / "bundles" / written[0].name))


def test_cells_of_codes_are_mapped_and_answer_as_before_they_were_written(written):
    folder, models, indexes = written
    bundle = load_bundle(folder)
    for space in ("factors", "content"):
        items = getattr(models, space).items
        own, loaded = getattr(indexes, space), getattr(bundle.indexes, space)
        assert loaded.nprobe == own.nprobe
        assert loaded.ntotal == len(items)
        for vector in items[:10]:
            for one, two in zip(
                search_refined(own, items, vector, 20),
                search_refined(loaded, items, vector, 20),
                strict=True,
            ):
                assert one.tobytes() == two.tobytes()
        assert f"index.{space}.codes.npy" in Path("/proc/self/maps").read_text()
        assert f"{space}.faiss" not in bundle.manifest.files


@pytest.mark.parametrize(
    "name",
    ["long_rows", "long_vectors", "means", "lengths", "spreads", "deviations", "starts", "codes"],
)
def test_an_index_with_an_array_of_another_length_is_refused(coded, name):
    path = coded / f"index.content.{name}.npy"
    whole = np.load(path)
    np.save(path, np.concatenate([whole, np.zeros((1, *whole.shape[1:]), whole.dtype)]))
    assert "cannot be read" in refusal(edit_manifest(coded))


@pytest.mark.parametrize(("name", "wrong"), [("rows", 10**6), ("long_rows", -2), ("starts", 10**9)])
def test_an_index_that_points_beyond_its_arrays_is_refused(coded, name, wrong):
    path = coded / f"index.factors.{name}.npy"
    values = np.load(path)
    values.flat[values.size // 2] = wrong
    np.save(path, values)
    assert "contradict one another" in refusal(edit_manifest(coded))


def test_an_index_of_other_vectors_is_refused(coded):
    for path in coded.glob("index.content.*"):
        shutil.copy(path, coded / path.name.replace("content", "factors"))
    assert "the index of factors is not one of factors.items.npy" in refusal(edit_manifest(coded))


def test_coarse_weights_without_a_column_s_weight_are_refused(folder):
    coarse = orjson.loads((folder / "coarse.json").read_bytes())
    del coarse["columns"][0]["weight"]
    (folder / "coarse.json").write_bytes(orjson.dumps(coarse))
    assert "cannot be read" in refusal(edit_manifest(folder))


def test_a_manifest_that_does_not_list_a_file_that_is_needed_is_refused(folder):
    (folder / "users.ids.npy").unlink()
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    del manifest["files"]["users.ids.npy"]
    write_manifest(folder, orjson.dumps(manifest))
    assert "lists other files than were published" in refusal(folder)


def test_a_file_that_the_manifest_does_not_list_is_refused(folder):
    (folder / "more.npy").write_bytes(b"")
    with pytest.raises(BundleError, match=r"more\.npy, which manifest.json does not list"):
        load_bundle(folder)


def test_an_array_of_objects_is_refused_not_unpickled(folder):
    np.save(folder / "users.ids.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert "cannot be read" in refusal(edit_manifest(folder))


def test_an_empty_folder_holds_no_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"there is no bundle in .*: run `recfunnel train"):
        find_current_bundle(tmp_path)


@pytest.mark.parametrize("said", ["nowhere\n", "../bundles/nowhere", "a\0b"])
def test_a_pointer_to_nowhere_is_refused(out, said):
    (out / "current").write_text(said)
    with pytest.raises(BundleError, match="does not exist"):
        find_current_bundle(out)


def test_an_empty_pointer_points_to_no_bundle(out):
    (out / "current").write_text("\n")
    with pytest.raises(BundleError):
        load_bundle(find_current_bundle(out))


def test_a_bundle_may_be_moved_to_another_place(out, tmp_path):
    moved = shutil.move(out, tmp_path / "elsewhere")
    assert load_bundle(find_current_bundle(moved)).version == find_current_bundle(moved).name
