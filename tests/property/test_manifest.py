"""No single bit of a manifest, or of its checksum, can change without the bundle being refused."""

import orjson
import pytest

from app.bundle.manifest import (
    CHECKSUM,
    FORMAT_VERSION,
    MANIFEST,
    BundleError,
    Manifest,
    parse_manifest,
    write_manifest,
)

VERSION = "20260101T000000Z-01234567"
SMALL = {
    "format": FORMAT_VERSION,
    "version": VERSION,
    "created": 2e9,
    "data_end": 1e9,
    "time_shift": 0.0,
    "dataset": "small",
    "rows": {"items": 3},
    "view": "v",
    "positive_at": 3.5,
    "type_weights": {"like": 1.0, "rate": "value / 5"},
    "explicit": True,
    "rankers": {},
    "sizes": {"recall": 300, "coarse": 100, "fine": 30},
    "category_names": ["a"],
    "flag_names": ["b"],
    "segment_names": [],
    "segment_labels": [],
    "tables": [],
    "centred": False,
    "factors": {"alpha": 1.0},
    "popularity_at": 1.0,
    "seed": 1,
    "libraries": {},
    "metrics": {},
    "files": {"a.npy": {"bytes": 1, "sha256": "0"}},
}


@pytest.mark.parametrize("name", [MANIFEST, CHECKSUM])
def test_every_flipped_bit_is_refused(tmp_path, name):
    folder = tmp_path / VERSION
    folder.mkdir()
    write_manifest(folder, orjson.dumps(SMALL))
    assert parse_manifest(folder).type_weights == SMALL["type_weights"]
    whole = (folder / name).read_bytes()
    served = []
    with (folder / name).open("r+b", buffering=0) as file:
        for position, byte in enumerate(whole):
            for bit in range(8):
                file.seek(position)
                file.write(bytes([byte ^ 1 << bit]))
                try:
                    parse_manifest(folder)
                except BundleError:
                    continue
                served.append((position, bit))
            file.seek(position)
            file.write(bytes([byte]))
    assert served == []
    assert parse_manifest(folder)


@pytest.mark.parametrize(
    ("now", "shift"), [(2e9, 1e9), (2e9 + 1e8, 1e9), (2e9 - 80_000, 1e9), (1e9 + 1, 0.0)]
)
def test_live_times_are_shifted_but_for_a_clock_before_the_bundle(now, shift):
    manifest = Manifest.model_validate(SMALL | {"time_shift": 1e9})
    assert manifest.as_of(now).time_shift == shift
