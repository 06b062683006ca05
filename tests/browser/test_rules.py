"""The page of the rules in a real browser: form, preview, saving, conflicts, history."""

import re

import pytest
import redis

from app.rules.rule_store import rules_key
from app.rules.rule_version import RuleVersion
from tests.browser.conftest import KEYS, SCRIPT, follow
from tests.browser.test_console import NARROW, RUN_AXE
from tests.serving import hosted, leisurely, until

pytestmark = pytest.mark.browser
ADMIN = {"X-API-Key": KEYS["admin"]}


@pytest.fixture
def rules(guarded):
    """Read and save rules as another admin; each test begins without any."""

    class Rules:
        def read(self):
            return guarded.client.get("/rules", headers=ADMIN).json()

        def save(self, content, note=""):
            body = {"version": self.read()["newest"], "rules": content, "note": note}
            answer = guarded.client.put("/rules", json=body, headers=ADMIN)
            assert answer.status_code == 200, answer.text
            return answer.json()["version"]

    one = Rules()
    one.save({})
    return one


def group(page, name):
    """The settings of one policy, opened."""
    title = page.locator("summary strong", has_text=re.compile(f"^{name}$"))
    details = page.locator("details.group").filter(has=title)
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    return details


def save(page, note):
    page.get_by_label("Note").first.fill(note)
    button = page.get_by_role("button", name=re.compile("Save as version"))
    version = button.inner_text().rpartition(" ")[2]
    button.click()
    page.get_by_text(f"Version {version} is saved. Every worker has it").wait_for()


def test_a_rule_is_set_tried_and_saved_and_holds_for_the_next_list(guarded, open_page, rules):
    page = open_page(guarded, "rules")
    before = guarded.client.get("/recommend?user_id=u1&explore=false", headers=ADMIN).json()
    item = before["items"][0]["item_id"]
    filters = group(page, "filters")
    filters.get_by_label("blocked items", exact=True).fill(item)
    page.keyboard.press("Enter")
    filters.locator(".chips", has_text=item).wait_for()
    preview = page.get_by_role("region", name="Preview")
    preview.get_by_label("Users").fill("u1, u2")
    preview.get_by_role("button", name="Show lists before and after").click()
    preview.get_by_text(re.compile("of 2 users get another list")).wait_for()
    left = preview.get_by_role("region", name="u1, before")
    first = left.locator("li").first.inner_text()
    assert "leaves" in first
    assert "this scene blocks it" in first
    assert "enters" in preview.get_by_role("region", name="u1, after").inner_text()
    assert rules.read()["rules"] == {}  # not saved yet
    save(page, "out of season")
    read = rules.read()
    assert read["rules"] == {"policy": {"blocked_items": [item]}}
    assert (read["author"], read["note"]) == ("admin", "out of season")
    after = guarded.client.get("/recommend?user_id=u1&k=50", headers=ADMIN).json()
    assert item not in [each["item_id"] for each in after["items"]]
    assert not page.get_by_role("region", name="Save").count()


def test_every_kind_of_setting_can_be_changed_and_reset(guarded, open_page, rules):
    page = open_page(guarded, "rules?scene=feed")
    group(page, "diversity").get_by_label("diversity", exact=True).fill("0.4")
    group(page, "explore").get_by_label("explore", exact=True).select_option("thompson")
    caps = group(page, "caps")
    caps.get_by_label("category cap", exact=True).fill("3")
    pinned = group(page, "pinned")
    pinned.get_by_label("pinned", exact=True).fill("i7")
    pinned.get_by_label("New value in pinned").fill("2")
    pinned.get_by_role("button", name="Add to pinned").click()
    seen = group(page, "seen")
    seen.get_by_label("seen", exact=True).fill("purchase")
    seen.get_by_label("New value in seen").fill("30d")
    page.keyboard.press("Enter")
    order = group(page, "order")
    order.get_by_role("button", name="Remove tail").click()
    order.get_by_role("button", name="Move pinned up").click()
    extensions = order.get_by_label("extensions")
    extensions.fill("{no")
    extensions.blur()
    order.get_by_text("This is not JSON").wait_for()
    extensions.fill('{"mine": {"a": 1}}')
    extensions.blur()
    caps.get_by_role("button", name="Reset category cap").click()
    until(lambda: "1 rule" not in caps.locator("summary").inner_text())
    save(page, "all kinds")
    names = ["freshness", "seen", "diversity", "explore", "providers", "pinned", "sponsored"]
    assert rules.read()["rules"]["scenes"]["feed"] == {
        "diversity": 0.4,
        "explore": "thompson",
        "pinned": {"i7": 2},
        "seen": {"view": "1d", "purchase": "30d"},
        "order": names,
        "extensions": {"mine": {"a": 1}},
    }
    page.reload()
    assert "6 rules" in page.locator(".scenes li", has_text="feed").inner_text()


def test_what_the_service_refuses_is_shown_at_its_setting(guarded, open_page, rules):
    page = open_page(guarded, "rules")
    seen = group(page, "seen")
    seen.get_by_role("button", name="One rule for all events").click()
    seen.get_by_label("seen", exact=True).fill("sometimes")
    seen.get_by_label("seen", exact=True).blur()
    page.get_by_role("button", name=re.compile("Save as version")).click()
    seen.get_by_role("alert").get_by_text("is no rule for seen items").wait_for()
    assert rules.read()["rules"] == {}
    page.get_by_role("button", name="Discard the changes").click()
    assert not page.get_by_role("region", name="Save").count()


def test_who_is_slower_sees_what_the_other_saved_and_chooses(guarded, open_page, rules):
    page = open_page(guarded, "rules")
    group(page, "caps").get_by_label("provider cap", exact=True).fill("2")
    theirs = rules.save({"policy": {"provider_cap": 9}}, note="nine")
    page.get_by_role("button", name=re.compile("Save as version")).click()
    alert = page.get_by_role("alert").filter(has_text="Somebody else has saved rules")
    alert.get_by_text(f"version {theirs} was saved meanwhile by admin (nine)").wait_for()
    row = alert.get_by_role("row", name=re.compile("provider cap"))
    assert re.search(r"provider cap\s+9\s+2", row.inner_text())
    alert.get_by_role("button", name="Keep mine").click()
    save(page, "two")
    assert rules.read()["rules"] == {"policy": {"provider_cap": 2}}
    page.get_by_label("provider cap", exact=True).fill("3")
    rules.save({"policy": {"provider_cap": 8}})
    page.get_by_role("button", name=re.compile("Save as version")).click()
    page.get_by_role("button", name="Take theirs").click()
    until(lambda: page.get_by_label("provider cap", exact=True).input_value() == "8")


def test_changes_kept_over_a_look_elsewhere_do_not_overwrite_what_others_saved(
    guarded, open_page, rules
):
    page = open_page(guarded, "rules")
    group(page, "caps").get_by_label("provider cap", exact=True).fill("2")
    follow(page, "overview")
    theirs = rules.save({"policy": {"provider_cap": 9}}, note="nine")
    follow(page, "rules")
    assert page.get_by_label("provider cap", exact=True).input_value() == "2"
    alert = page.get_by_role("alert").filter(has_text="Somebody else has saved rules")
    alert.get_by_text(f"Version {theirs} was saved meanwhile by admin (nine)").wait_for()
    assert not page.get_by_role("button", name=re.compile("Save as version")).count()
    row = alert.get_by_role("row", name=re.compile("provider cap"))
    assert re.search(r"provider cap\s+9\s+2", row.inner_text())
    alert.get_by_role("button", name="Keep mine").click()
    page.get_by_role("button", name=f"Save as version {theirs + 1}").wait_for()
    follow(page, "overview")
    follow(page, "rules")
    save(page, "two")
    assert rules.read()["rules"] == {"policy": {"provider_cap": 2}}


def test_undo_says_that_changes_are_dropped_and_needs_a_version_before(
    trained, redis_url, open_page
):
    with hosted(leisurely(out=trained, redis_url=redis_url)) as service:
        settings = service.service.settings
        with redis.Redis.from_url(redis_url) as link:  # as after a loss of the history
            third = RuleVersion(3, "anna", 1.0, "", None, {"policy": {"category_cap": 4}})
            link.xadd(rules_key(settings.key_prefix), {"e": third.to_bytes()}, third.stream_id)
        until(lambda: service.client.get("/rules").json()["version"] == 3)
        page = open_page(service, "rules", key=None)
        assert not page.get_by_role("button", name="Undo version 3").count()
        page.get_by_role("button", name="What version 3 changed").click()
        page.get_by_text("The version before version 3 is not stored any more").wait_for()
        group(page, "caps").get_by_label("provider cap", exact=True).fill("2")
        save(page, "another")
        page.get_by_label("provider cap", exact=True).fill("7")
        page.get_by_role("button", name="Undo version 4").click()
        dialog = page.get_by_role("dialog", name="Undo version 4")
        dialog.get_by_text("Your changes that are not saved will be dropped").wait_for()
        dialog.get_by_role("button", name="Leave it").click()
        assert page.get_by_label("provider cap", exact=True).input_value() == "7"


def test_the_last_version_shown_is_compared_with_the_one_before_it(guarded, open_page, rules):
    for n in range(31):
        last = rules.save({"policy": {"category_cap": n + 1, "provider_cap": 3}})
    page = open_page(guarded, "rules")
    history = page.get_by_role("region", name="History")
    history.get_by_role("button", name=f"What version {last - 29} changed").click()
    changed = history.get_by_role("region", name=f"What version {last - 29} changed").inner_text()
    assert re.search(r"category cap\s+1\s+2", changed)
    assert "provider cap" not in changed
    assert not history.get_by_role("button", name=f"What version {last - 30} changed").count()


def test_the_history_says_what_changed_and_a_change_is_undone(guarded, open_page, rules):
    first = rules.save({"policy": {"category_cap": 4}}, note=SCRIPT)
    second = rules.save({"scenes": {"feed": {"diversity": 0.9}}}, note="wild")
    page = open_page(guarded, "rules")
    history = page.get_by_role("region", name="History")
    assert SCRIPT in history.inner_text()
    history.get_by_role("button", name=f"What version {second} changed").click()
    changed = history.get_by_role("region", name=f"What version {second} changed")
    text = changed.inner_text()
    assert re.search(r"all scenes\s+category cap\s+4\s+no rule", text)
    assert re.search(r"feed\s+diversity\s+no rule\s+0.9", text)
    history.get_by_role("button", name=f"Undo version {second}").click()
    page.get_by_role("button", name="Leave it").first.click()
    history.get_by_role("button", name=f"Undo version {second}").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    page.get_by_text(f"Version {second + 1} is saved").wait_for()
    assert rules.read()["rules"] == {"policy": {"category_cap": 4}}
    assert rules.read()["restored"] == first
    until(lambda: group(page, "caps").get_by_label("category cap", exact=True).input_value() == "4")


def test_a_scene_is_added_kept_over_a_look_elsewhere_and_removed(guarded, open_page, rules):
    page = open_page(guarded, "rules")
    page.get_by_label("Another scene").fill("basket")
    page.get_by_role("button", name="Add the scene").click()
    page.get_by_role("heading", name="Rules of the scene basket").wait_for()
    group(page, "caps").get_by_label("provider cap", exact=True).fill("1")
    follow(page, "overview")
    follow(page, "rules?scene=basket")
    assert page.get_by_label("provider cap", exact=True).input_value() == "1"
    save(page, "a new scene")
    assert rules.read()["rules"]["scenes"] == {"basket": {"provider_cap": 1}}
    until(lambda: page.get_by_role("button", name="Remove the rules of this scene").count())
    page.get_by_role("button", name="Remove the rules of this scene").click()
    save(page, "no more")
    assert rules.read()["rules"].get("scenes", {}) == {}


def test_a_key_that_may_only_read_sees_the_rules_and_cannot_change_them(guarded, open_page, rules):
    rules.save({"policy": {"category_cap": 4}})
    page = open_page(guarded, "rules", key="reader")
    page.get_by_text("Changes need a key with the role admin").wait_for()
    assert page.get_by_label("category cap", exact=True).input_value() == "4"
    assert page.get_by_label("category cap", exact=True).is_disabled()
    for name in ("Undo", "Restore", "Save", "Show lists", "Add the scene", "Reset all"):
        assert not page.get_by_role("button", name=re.compile(name)).count(), name


def test_without_keys_a_person_says_who_they_are(trained, redis_url, open_page):
    with hosted(leisurely(out=trained, redis_url=redis_url)) as service:
        page = open_page(service, "rules", key=None)
        assert "No rules were ever saved" in page.locator("main").inner_text()
        group(page, "caps").get_by_label("category cap", exact=True).fill("4")
        page.get_by_label("Your name").fill("Anna")
        save(page, "fewer of each")
        page.get_by_text("saved by Anna").wait_for()
        assert service.client.get("/rules").json()["author"] == "Anna"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_changes_a_preview_and_the_history_fit_a_narrow_screen_and_are_accessible(
    guarded, open_page, axe, rules, scheme
):
    rules.save({"scenes": {"feed": {"blocked_categories": ["war", "horror"]}}}, note="calm")
    page = open_page(guarded, "rules?scene=feed", viewport=NARROW, color_scheme=scheme)
    page.evaluate(axe)
    for name in ("caps", "pinned", "seen", "order"):
        group(page, name)
    page.get_by_label("category cap", exact=True).fill("2")
    page.get_by_role("button", name="Show lists before and after").click()
    page.get_by_text(re.compile("of 20 users")).wait_for()
    page.get_by_role("button", name=re.compile("^What version")).first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert page.evaluate(RUN_AXE) == []
