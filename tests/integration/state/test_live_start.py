"""Live events count from the creation of a bundle on, whatever the times in its data are."""

import time

import pytest

from app.bundle.activation import point_to
from app.bundle.bundle import find_current_bundle, load_bundle
from tests.bundles import edit_manifest
from tests.serving import hosted, leisurely, until

YEAR = 365 * 86_400.0


@pytest.mark.parametrize("late", [YEAR, 8 * 3600.0])
def test_a_time_in_the_data_that_is_too_late_keeps_no_live_event_from_counting(
    out, redis_url, late
):
    end = time.time() + late
    folder = find_current_bundle(out)
    point_to(edit_manifest(folder, data_end=end, live_start=end, time_shift=0.0))
    with hosted(leisurely(out=out, redis_url=redis_url)) as api:
        before = count_of(api, "i7")
        api.tell(*({"user_id": f"late-{n}", "item_id": "i7", "type": "like"} for n in range(5)))
        assert count_of(api, "i7") == pytest.approx(before + 5, abs=0.1)


def test_a_clock_before_the_creation_of_the_bundle_shows_the_time_of_its_data(out, redis_url):
    folder = find_current_bundle(out)
    created = time.time() + 10 * YEAR
    shift = created - load_bundle(folder).manifest.data_end
    point_to(edit_manifest(folder, created=created, time_shift=shift))
    with hosted(leisurely(out=out, redis_url=redis_url)) as api:
        api.tell({"user_id": "early", "item_id": "i7", "type": "like"})
        assert count_of(api, "i7", "1") > 0.9
        until(lambda: "3,650 days before the bundle" in str(api.client.get("/readyz").json()))


def count_of(api, item, days="all"):
    return api.client.get(f"/items/{item}/counts").json()["trend"][days]
