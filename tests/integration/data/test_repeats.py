"""Lines that repeat: written twice, or done twice on one day."""

import pytest

from offline.data.doctor import diagnose
from offline.data.event_files import read_event_file
from offline.data.readers import load_dataset

DATED, TIMED = "2024-05-03", "2024-05-03 10:11:12"


def write(tmp_path, header, *lines):
    path = tmp_path / "events.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("header", "line", "other", "kept"),
    [
        ("user,item,type,timestamp", f"u,i,purchase,{DATED}", f"u,j,purchase,{DATED}", 3),
        ("user,item,type,timestamp", "u,i,view,1700006400", "u,j,view,1700092800", 3),
        ("user,item,type", "u,i,purchase", "u,j,purchase", 3),
        ("user,item,type,timestamp", f"u,i,purchase,{TIMED}", f"u,j,purchase,{DATED} 01:00:01", 2),
        ("user,item,type,timestamp", f"u,i,like,{DATED}", f"u,j,purchase,{DATED}", 2),
        ("user,item,rating,timestamp", f"u,i,4,{DATED}", f"u,j,5,{DATED}", 2),
        ("event_id,user,item,type,timestamp", f"7,u,i,view,{DATED}", f"8,u,j,view,{DATED}", 2),
    ],
)
def test_equal_lines_are_one_event_only_if_something_tells_the_event(
    tmp_path, header, line, other, kept
):
    path = write(tmp_path, header, line, other, line)
    loaded = load_dataset(path, max_bad_share=1.0)
    assert len(loaded.dataset.log) == kept
    assert (loaded.files[0].duplicates, loaded.files[0].repeats) == (3 - kept, kept - 2)
    remarks = [
        finding.text for finding in diagnose(loaded).findings if "equal an earlier" in finding.text
    ]
    assert len(remarks) == kept - 2
    events = read_event_file(path, None).events
    assert len(events) == events["event_id"].n_unique() == kept


def test_another_rating_of_the_same_day_is_kept(tmp_path):
    path = write(tmp_path, "user,item,rating,timestamp", f"u,i,4,{DATED}", f"u,i,5,{DATED}")
    assert len(load_dataset(path).dataset.log) == 2


def test_the_ids_of_repeats_are_those_of_an_earlier_and_shorter_file(tmp_path):
    lines = [f"u,i,purchase,{DATED}"] * 2
    short = read_event_file(write(tmp_path, "user,item,type,timestamp", *lines), None).events
    longer = read_event_file(
        write(tmp_path, "user,item,type,timestamp", *lines, f"u,i,purchase,{DATED}"), None
    ).events
    assert longer["event_id"].to_list()[:2] == short["event_id"].to_list()
