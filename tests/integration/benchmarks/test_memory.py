import pytest

from benchmarks.memory import KEYS_OF_PART, main, measure_bytes


async def test_the_bytes_of_a_user_are_measured_part_by_part(redis_url):
    sizes = await measure_bytes(redis_url, users=3, events=20)
    parts = [sizes[part] for part in KEYS_OF_PART]
    assert all(size > 50 for size in parts)
    assert sizes["all, by MEMORY USAGE"] == pytest.approx(sum(parts))


def test_the_command_prints_how_many_users_a_gigabyte_holds(capsys):
    main(users=2, events=4)
    assert "users in 1 GiB" in capsys.readouterr().out
