import pytest

from benchmarks.memory import KEYS_OF_PART, measure_bytes


async def test_the_bytes_of_a_user_are_measured_part_by_part(redis_url):
    sizes = await measure_bytes(redis_url, users=3, events=20)
    parts = [sizes[part] for part in KEYS_OF_PART]
    assert all(size > 50 for size in parts)
    assert sizes["all, by MEMORY USAGE"] == pytest.approx(sum(parts))
