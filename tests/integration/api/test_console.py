"""The files of the console, and what it asks the service for beside the lists."""

import asyncio
import re
import shutil
from threading import Event

import pytest

from app.access.keys import format_key
from app.bundle.stored_bundles import list_bundles
from app.features.views import FINE_VIEW, column_names
from app.service.service import MAX_WAITING_CONTRIBUTIONS
from tests.bundles import edit_manifest
from tests.conftest import ROOT, copy_trained
from tests.serving import hosted, leisurely, until

BUILT = ROOT / "app" / "console"
MAX_BYTES = 180_000
ROLES = {"read": ["read"], "editor": ["read", "write"], "admin": ["admin"]}
KEYS = {name: f"rf_{name * 10}" for name in ROLES}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def guarded(trained, redis_url, tmp_path_factory):
    """A service with keys and two bundles of its own."""
    out = copy_trained(trained, tmp_path_factory.mktemp("console") / "out")
    (bundle,) = list_bundles(out)
    copy_bundle(bundle.folder, "later")
    lines = ";".join(format_key(name, ROLES[name], key) for name, key in KEYS.items())
    with hosted(leisurely(out=out, redis_url=redis_url, api_keys=lines)) as service:
        yield service


def copy_bundle(folder, name):
    """Make a second bundle of one; gives its folder, whose name begins with ``name``."""
    return edit_manifest(shutil.copytree(folder, folder.with_name(name)), version=name)


def get(service, path, key="admin", **params):
    answer = service.client.get(path, params=params, headers={"X-API-Key": KEYS[key]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_browser_is_led_to_the_console_and_nobody_else(guarded):
    page = guarded.client.get("/", headers=BROWSER, follow_redirects=True)
    assert page.status_code == 200
    assert page.url.path == "/console/"
    assert guarded.client.get("/console", follow_redirects=True).text == page.text
    assert guarded.client.get("/").json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("name", ["", "console.js", "console.css", "icon.svg"])
def test_the_files_need_no_key_and_are_sent_once(guarded, name):
    file = guarded.client.get(f"/console/{name}")
    assert file.status_code == 200
    assert file.content == (BUILT / (name or "index.html")).read_bytes()
    known = {"If-None-Match": file.headers["ETag"]}
    again = guarded.client.get(f"/console/{name}", headers=known)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "../main.py", "%2e%2e/main.py", "licenses.txt"])
def test_no_other_file_is_sent(guarded, name):
    assert guarded.client.get(f"/console/{name}").status_code in {401, 404}


def test_a_path_that_only_begins_like_the_console_needs_a_key(guarded):
    assert guarded.client.get("/consoles").status_code == 401
    assert guarded.client.post("/console/").status_code == 405


def test_the_page_may_load_nothing_inline_and_nothing_from_elsewhere(guarded):
    page = guarded.client.get("/console/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|https?://", page.text)


def test_the_files_are_small():
    assert sum(path.stat().st_size for path in BUILT.iterdir()) < MAX_BYTES


def test_the_overview_names_the_bundle_and_what_the_key_may(guarded):
    overview = get(guarded, "/overview", "editor")
    assert (overview["key"], overview["roles"]) == ("editor", ["read", "write"])
    assert get(guarded, "/overview")["roles"] == ["read", "write", "admin"]
    assert overview["bundle"]["version"] == guarded.service.deployment.bundle.version
    assert overview["bundle"]["users"] == 150
    assert overview["bundle"]["items"] == 120
    assert overview["scenes"] == ["home"]
    assert {"title", "category"} <= set(overview["fields"])


def test_lists_and_events_are_counted_by_the_hour_and_kept(guarded):
    before = get(guarded, "/activity", hours=2)["total"]["lists"]
    answer = get(guarded, "/recommend", user_id="u3", scene="home")
    event = {"user_id": "u3", "item_id": answer["items"][0]["item_id"], "type": "click"}
    headers = {"X-API-Key": KEYS["editor"]}
    guarded.client.post("/events", json=event, headers=headers)
    guarded.client.post("/events", json=event | {"type": "nonsense"}, headers=headers)
    until(lambda: get(guarded, "/activity", hours=2)["total"]["lists"] == before + 1)
    activity = get(guarded, "/activity", hours=2)
    assert len(activity["hours"]) == 2
    assert sum(hour["events"] for hour in activity["hours"]) >= 1
    assert sum(hour["refused_events"] for hour in activity["hours"]) == 1
    assert 0 < activity["total"]["p50_ms"] <= activity["total"]["p99_ms"]
    outcomes = {tuple(each["labels"]): each["n"] for each in activity["total"]["events"]}
    assert outcomes["click", "accepted"] >= 1


def test_a_preview_leaves_no_trace(guarded):
    before = get(guarded, "/activity")["total"]["lists"]
    preview = get(guarded, "/recommend", user_id="u9", preview=True, explain=True)
    shown = get(guarded, "/recommend", user_id="u9")
    assert len(preview["items"]) == len(shown["items"]) == 10
    until(lambda: get(guarded, "/activity")["total"]["lists"] > before)
    assert get(guarded, "/activity")["total"]["lists"] == before + 1
    requests = set(guarded.service.metrics.numbers("request_seconds"))
    assert ("/recommend?preview=true", "200") in requests
    scenes = until(lambda: get(guarded, "/activity/scenes")["scenes"])
    assert sum(scene["lists"] for scene in scenes) <= before + 1


def test_an_event_that_names_its_list_counts_for_the_scene(guarded):
    answer = get(guarded, "/recommend", user_id="u4")
    event = {
        "user_id": "u4",
        "item_id": answer["items"][0]["item_id"],
        "type": "purchase",
        "request_id": answer["request_id"],
    }
    consumer = guarded.service.deployment.consumer
    until(lambda: consumer.scene_of(answer["request_id"]))
    guarded.client.post("/events", json=event, headers={"X-API-Key": KEYS["editor"]})

    def home():
        scenes = get(guarded, "/activity/scenes")["scenes"]
        return next((each for each in scenes if each["events"].get("purchase")), None)

    def clicked():
        scenes = get(guarded, "/activity")["total"]["scenes"]
        return next((each for each in scenes if each["events"].get("purchase")), None)

    counted = until(clicked)
    assert (counted["scene"], counted["events"]["purchase"]) == ("home", 1)
    assert counted["items"] >= counted["lists"] * 10 >= 10
    scene = until(home)
    assert scene["scene"] == "home"
    assert scene["answered_lists"] == 1
    assert scene["items"] >= 10
    assert scene["coverage"] == pytest.approx(scene["items"] / 120)
    assert scene["users"] <= scene["lists"]


def test_a_history_joins_the_events_of_the_bundle_and_live_ones(guarded):
    old = get(guarded, "/users/u7/history")["events"]
    assert len(old) > 5
    assert [each["timestamp"] for each in old] == sorted(
        (each["timestamp"] for each in old), reverse=True
    )
    event = {"user_id": "u7", "item_id": "i5", "type": "like"}
    guarded.client.post("/events", json=event, headers={"X-API-Key": KEYS["editor"]})
    (newest,) = get(guarded, "/users/u7/history", limit=1)["events"]
    assert (newest["item_id"], newest["type"]) == ("i5", "like")
    assert newest["weight"] > 0
    assert newest["title"]
    assert get(guarded, "/users/nobody-knows/history")["events"] == []


def test_the_newest_events_are_shown_to_those_who_may_read_users(guarded):
    event = {"user_id": "u8", "item_id": "i6", "type": "view", "context": {"page": "<b>"}}
    guarded.client.post("/events", json=event, headers={"X-API-Key": KEYS["editor"]})
    newest = get(guarded, "/events", "editor", limit=1)["events"]
    assert [(each["user_id"], each["item_id"], each["context"]) for each in newest] == [
        ("u8", "i6", {"page": "<b>"})
    ]
    refused = guarded.client.get("/events", headers={"X-API-Key": KEYS["read"]})
    assert refused.status_code == 403


def test_the_contributions_of_the_features_add_up_to_the_score(guarded):
    answer = get(guarded, "/recommend", user_id="u3", contributions=True)
    for item in answer["items"]:
        explained = item["explain"]
        assert set(explained["contributions"]) == {*column_names(FINE_VIEW), "constant"}
        total = sum(explained["contributions"].values())
        assert total == pytest.approx(explained["scores"]["fine"], abs=1e-4)
    plain = get(guarded, "/recommend", user_id="u3", explain=True)
    assert "contributions" not in plain["items"][0]["explain"]


async def test_where_many_wait_for_contributions_the_next_request_is_refused(guarded):
    may_end, run_alone = Event(), guarded.service.contributions
    query = {"user_id": "u3", "contributions": True, "preview": True}
    headers = {"X-API-Key": KEYS["admin"]}

    def ask():
        return guarded.client.get("/recommend", params=query, headers=headers)

    calls = []
    try:
        calls += [
            asyncio.create_task(run_alone(may_end.wait, 60))
            for _ in range(1 + MAX_WAITING_CONTRIBUTIONS)
        ]
        refused = await asyncio.to_thread(ask)
    finally:
        may_end.set()
        await asyncio.gather(*calls)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert "contributions of other requests" in refused.json()["error"]["message"]
    assert (await asyncio.to_thread(ask)).status_code == 200


def test_the_bundles_are_listed_and_an_admin_activates_one(guarded):
    bundles = {each["version"]: each for each in get(guarded, "/bundles", "read")["bundles"]}
    serving = next(name for name, each in bundles.items() if each["in_service"])
    (later,) = set(bundles) - {serving}
    assert bundles[serving]["checks"] is not None
    assert bundles[serving]["bytes"] > 10_000
    path = f"/bundles/{later}/activate"
    assert guarded.client.post(path, headers={"X-API-Key": KEYS["editor"]}).status_code == 403
    headers = {"X-API-Key": KEYS["admin"]}
    activated = guarded.client.post(path, headers=headers)
    assert activated.json() == {"version": later, "before": serving}
    until(lambda: get(guarded, "/overview")["bundle"]["version"] == later)
    again = guarded.client.post(path, headers=headers)
    assert again.status_code == 409
    assert "already in service" in again.json()["error"]["message"]
    absent = guarded.client.post("/bundles/absent/activate", headers=headers)
    assert absent.status_code == 404


def test_where_the_folder_cannot_be_written_the_answer_names_where_to_activate(guarded):
    assert get(guarded, "/bundles", "read")["can_activate"] is True
    out = guarded.service.settings.out
    version, headers = get(guarded, "/overview")["bundle"]["version"], {"X-API-Key": KEYS["admin"]}
    away = out.rename(out.with_name("away"))  # this account may be root, for whom none is read-only
    try:
        assert get(guarded, "/bundles")["can_activate"] is False
        answer = guarded.client.post(f"/bundles/{version}/activate", headers=headers)
    finally:
        away.rename(out)
    assert answer.status_code == 503
    assert "recfunnel rollback --to" in answer.json()["error"]["message"]


def test_a_damaged_bundle_is_listed_and_not_activated(guarded):
    out = guarded.service.settings.out
    damaged = copy_bundle(list_bundles(out)[0].folder, "damaged")
    (damaged / "factors.items.npy").write_bytes(b"")
    before = (out / "current").read_text()
    headers = {"X-API-Key": KEYS["admin"]}
    answer = guarded.client.post(f"/bundles/{damaged.name}/activate", headers=headers)
    assert answer.status_code == 409
    assert "factors.items.npy" in answer.json()["error"]["message"]
    assert (out / "current").read_text() == before
    (damaged / "manifest.json").write_bytes(b"{")
    faults = {each["version"]: each["fault"] for each in get(guarded, "/bundles")["bundles"]}
    assert "manifest.json" in faults[damaged.name]
