"""A bundle that cannot be read is damaged, and ends nobody who looks at it."""

from app.bundle.private_copy import find_damage


def test_a_folder_that_cannot_be_read_is_damage_and_not_an_error(tmp_path):
    path = tmp_path / "20260101T000000Z-00000000"
    path.write_text("a file where the folder should be")
    assert f"{path} cannot be read" in (find_damage(path) or "")
