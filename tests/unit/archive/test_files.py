from pathlib import Path

from offline.archive.files import ArchiveFile, IdRanges, day_of


def test_a_file_name_says_which_ids_it_covers():
    file = ArchiveFile.from_path(
        Path("archive/events/day=1970-01-11/864000000-1_864000000-12.parquet")
    )
    assert (file.first, file.last, file.last_id) == (
        (864000000, 1),
        (864000000, 12),
        "864000000-12",
    )
    assert day_of("864000000-1") == "1970-01-11"


def test_ranges_contain_both_their_ends_and_nothing_between_them():
    ranges = IdRanges(ArchiveFile(Path(), (n, 0), (n, 5)) for n in range(0, 100, 2))
    for n in range(0, 100, 2):
        assert (n, 0) in ranges
        assert (n, 5) in ranges
        assert (n, 6) not in ranges
        assert (n + 1, 0) not in ranges
    ranges.add((1, 0), (1, 9))
    assert (1, 9) in ranges
    assert (100, 0) not in ranges
