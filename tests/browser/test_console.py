"""The console in a real browser against a real service: its pages, what they change, its errors."""

import re
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest

from app.bundle.activation import point_to
from app.catalogue.attributes import NumberColumn, TextColumn
from app.process.embedded_server import embedded_server
from app.recall.registry import CHANNELS
from app.trainings.data_examination import DataExamination, ExaminationRecord
from app.trainings.trainer_notices import TrainerNotice, announce
from offline.data.doctor import diagnose
from offline.data.readers import load_dataset
from offline.publish.writer import write_bundle
from tests.browser.conftest import KEYS, SCRIPT, STORED_KEY, follow
from tests.bundles import build_training_result
from tests.fakes import ITEMS, small_models
from tests.serving import hosted, leisurely, until

pytestmark = pytest.mark.browser
ROUTES = {
    "overview": "overview",
    "try": "try?user=u1",
    "funnel": "funnel?user=u1",
    "items": "items",
    "item": "items?id=i1",
    "rules": "rules",
    "rules of a scene": "rules?scene=feed",
    "bundles": "bundles",
    "data": "data",
}
ADDRESSES = (  # of pictures, up to the number of the item
    *("https://x.example/", "http://x.example/", "javascript://x.example/", "//x.example/"),
    *("images/", "/images/"),
)
NARROW = {"width": 400, "height": 800}
RUN_AXE = """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21aa"]}))
    .violations.map((v) => [v.id, v.nodes.map((n) => `${n.target} ${n.failureSummary}`)])"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory, redis_url):
    """A service that waits for its first bundle."""
    out = tmp_path_factory.mktemp("empty") / "out"
    with hosted(leisurely(out=out, redis_url=redis_url), ready=False) as service:
        yield service


@pytest.fixture(scope="module")
def shop(tmp_path_factory, redis_url):
    """A service whose items have prices, and pictures at addresses of several kinds."""
    pictures = [f"{ADDRESSES[n % len(ADDRESSES)]}{n}" for n in range(ITEMS)]
    prices = NumberColumn(np.arange(ITEMS) + 0.5)
    columns = {"price": prices, "image": TextColumn.of(pictures)}
    models = small_models()
    models = replace(models, catalogue=replace(models.catalogue, attributes=columns))
    out = tmp_path_factory.mktemp("shop")
    point_to(write_bundle(build_training_result(models=models), out))
    with hosted(leisurely(out=out, redis_url=redis_url)) as service:
        yield service


def text_of(page):
    return page.locator("main").inner_text()


def test_the_page_asks_for_a_key_and_keeps_it_in_the_tab_alone(guarded, open_page):
    page = open_page(guarded, key=None)
    assert "needs an API key" in text_of(page)
    page.get_by_label("API key").fill("rf_" + "wrong" * 8)
    page.get_by_role("button", name="Open the console").click()
    page.get_by_role("alert").get_by_text("unknown or has expired").wait_for()
    page.get_by_label("API key").fill(KEYS["editor"])
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="In service").wait_for()
    assert page.evaluate(f"sessionStorage.getItem('{STORED_KEY}')") == KEYS["editor"]
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert KEYS["editor"] not in page.url
    page.get_by_role("button", name="Forget the key").click()
    page.get_by_role("heading", name="needs an API key").wait_for()
    assert page.evaluate(f"sessionStorage.getItem('{STORED_KEY}')") is None


def test_the_overview_shows_the_bundle_and_what_the_service_did(guarded, open_page):
    page = open_page(guarded)
    shown = text_of(page)
    assert guarded.service.deployment.bundle.version in shown
    assert "Ready, and nothing to warn of." in shown
    assert re.search(r"home\s+2\s+20\s+2\s+100.0 %", shown)  # lists, items, clicks
    assert re.search(r"home\s+2\s+2\s+\d+\s+\d", shown)  # of two users
    assert page.locator(".chart canvas").count() == 2
    page.get_by_role("button", name="7 days").click()
    pressed = page.locator("button[aria-pressed=true]")
    assert pressed.inner_text() == "7 days"
    page.get_by_text("The numbers").first.click()
    page.locator("details[open] tbody tr").nth(167).wait_for()


def test_a_user_is_found_and_the_list_shown_beside_the_history(guarded, open_page):
    page = open_page(guarded, "try")
    page.get_by_label("User").fill("u1")
    page.locator("datalist option").nth(3).wait_for(state="attached")
    page.get_by_label("Items").fill("5")
    page.get_by_label("Filter").fill('category == "comedy"')
    page.keyboard.press("Enter")
    page.locator(".cards .item").nth(4).wait_for()
    assert page.locator(".cards .item").count() == 5
    assert "comedy" in page.locator(".cards .item").first.inner_text()
    last = page.locator(".cards .item a").nth(4).inner_text()
    identity = page.locator(".cards .item a").nth(4).get_attribute("href").partition("id=")[2]
    page.get_by_label("Pin").fill(f"1:{identity}")
    page.get_by_role("button", name="Show the list").click()
    page.locator(".cards .item", has_text="pinned").wait_for()
    assert last in page.locator(".cards .item").first.inner_text()
    history = page.get_by_role("region", name="The newest events of u1")
    assert "click" in history.inner_text()
    page.get_by_label("Item", exact=True).fill("i0")
    page.get_by_role("button", name="Ask").click()
    assert "filter" in page.locator(".card[role=status]").inner_text()


def test_a_faulty_filter_is_explained(guarded, open_page):
    page = open_page(guarded, "try?user=u1&filter=colour%20%3D%3D%201")
    alert = page.get_by_role("alert")
    assert "colour" in alert.inner_text()
    assert alert.get_by_role("button", name="Try again").is_visible()


def test_the_funnel_shows_each_stage_and_the_parts_of_a_score(guarded, open_page):
    page = open_page(guarded, "funnel?user=u1")
    picture = page.locator(".sankey svg")
    numbers = r" channels proposed \d+ items; merged \d+, coarse \d+, fine \d+, list 10"
    sentence = picture.get_attribute("aria-label")
    assert re.match(str(len(CHANNELS)) + numbers, sentence)
    stages = page.get_by_role("region", name="Stages in the order they ended").inner_text()
    assert all(stage in stages for stage in ("history", "recall.ease", "coarse", "rerank"))
    parts = page.get_by_role("region", name="What each feature added")
    before = parts.inner_text()
    assert "all other features" in before
    page.get_by_label("Item", exact=True).select_option(index=3)
    until(lambda: parts.inner_text() != before)


def test_an_item_is_found_changed_and_hidden(guarded, open_page):
    page = open_page(guarded, "items")
    page.get_by_label("Id begins with").fill("i11")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="i119").click()
    page.get_by_label("Title").fill("A new title")
    page.get_by_label("Categories").fill("comedy, war")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="A new title").wait_for()
    page.get_by_role("button", name="Hide from every list").click()
    page.get_by_role("button", name="Show in lists again").wait_for()
    stored = guarded.client.get("/items/i119", headers={"X-API-Key": KEYS["reader"]}).json()
    assert (stored["title"], stored["categories"]) == ("A new title", ["comedy", "war"])
    assert stored["is_available"] is False
    page.get_by_role("button", name="Show in lists again").click()
    page.get_by_role("button", name="Hide from every list").wait_for()
    page.get_by_role("button", name="content").click()
    page.locator(".cards .item").first.wait_for()


def sources_of(page):
    """The addresses of the pictures in cards, without the number of the item."""
    return {
        one.get_attribute("src").rstrip("0123456789") for one in page.locator(".cards img").all()
    }


def test_cards_have_prices_and_pictures_of_safe_addresses_alone(shop, open_page):
    page = open_page(shop, "try?user=nobody&k=40", key=None)
    assert page.locator(".cards .item .price").count() == 40
    assert sources_of(page) == {"https://x.example/"}
    assert "Set picture_base to what is before them" in text_of(page)
    item = page.locator(".cards .item a").first.get_attribute("href").partition("id=")[2]
    follow(page, f"items?id={item}")
    page.get_by_label("price").fill("7.25")
    page.get_by_role("button", name="Save").click()
    page.locator("dl.facts", has_text="7.25").wait_for()
    assert shop.client.get(f"/items/{item}").json()["attributes"]["price"] == 7.25


@pytest.mark.parametrize("base", ["https://pics.example/media/", "http://127.0.0.1:9/a", "/media"])
def test_relative_addresses_of_pictures_begin_at_the_base_that_is_set(
    shop, redis_url, open_page, base
):
    settings = leisurely(out=shop.service.settings.out, redis_url=redis_url, picture_base=base)
    with hosted(settings) as service:
        page = open_page(service, "try?user=nobody&k=40", key=None)
        assert sources_of(page) == {"https://x.example/", f"{base.rstrip('/')}/images/"}
        assert "picture_base" not in text_of(page)


def test_a_bundle_is_compared_and_put_into_service(guarded, open_page):
    page = open_page(guarded, "bundles")
    assert "rank.rounds" in page.get_by_role("region", name="Settings that differ").inner_text()
    (other,) = {row.inner_text() for row in page.locator("tbody button.link").all()} - {
        guarded.service.deployment.bundle.version
    }
    page.get_by_role("button", name=f"Activate {other}").click()
    page.get_by_role("button", name="Leave it").click()
    assert not page.get_by_role("dialog").is_visible()
    page.get_by_role("button", name=f"Activate {other}").click()
    page.get_by_role("button", name="Put it into service").click()
    page.get_by_text(f"{other} is put into service").wait_for()
    row = page.locator("tr", has=page.get_by_role("button", name=other, exact=True))
    row.get_by_text("in service").wait_for()


def test_arriving_events_are_shown_and_what_was_refused(guarded, open_page):
    page = open_page(guarded, "data")
    assert "the type is not configured" in text_of(page)
    newest = page.get_by_role("region", name="The newest events, the last one stored first")
    assert "u2" in newest.inner_text()
    event = {"user_id": "u77", "item_id": "i3", "type": "like"}
    headers = {"X-API-Key": KEYS["admin"]}
    assert guarded.client.post("/events", json=event, headers=headers).is_success
    page.get_by_role("button", name="Look again").click()
    newest.get_by_text("u77").wait_for()


def test_a_training_is_started_watched_and_cancelled(guarded, open_page):
    folder = guarded.service.settings.trainings_folder
    page = open_page(guarded, "data")
    assert "does not know their folder" in text_of(page)
    assert not page.get_by_role("button", name="Train now").count()
    with announce(folder, TrainerNotice(data="files", schedule="every 24h", next=2e9)):
        page.reload()
        page.get_by_role("button", name="Train now").click()
        row = page.get_by_role("row", name=re.compile("waiting"))
        assert "admin" in row.inner_text()
        assert page.get_by_role("button", name="Train now").is_disabled()
        row.get_by_role("button", name=re.compile("^Log of")).click()
        page.get_by_text("Its log is empty.").wait_for()
        row.get_by_role("button", name=re.compile("^Cancel")).click()
        page.get_by_role("row", name=re.compile("cancelled")).wait_for()


def test_the_data_of_trainings_are_examined_and_what_to_correct_is_shown(guarded, open_page):
    examination = DataExamination(guarded.service.settings.trainings_folder)
    page = open_page(guarded, "data")
    assert "The data were not examined yet." in text_of(page)
    assert not page.get_by_role("button", name="Examine now").count()
    with announce(examination.path, TrainerNotice(data="files")):
        page.reload()
        page.get_by_role("button", name="Examine now").click()
        page.get_by_text("An examination is requested.").wait_for()
        assert page.get_by_role("button", name="Examine now").is_disabled()
        found = diagnose_file(examination.path / "files")
        with examination.claim():
            examination.write(ExaminationRecord(examined=1e9, data="files", diagnosis=found))
            examination.withdraw()
        page.get_by_text("read by recfunnel doctor").wait_for()
        findings = page.get_by_role("region", name="Findings")
        assert re.match(r"correct this\s+events.csv: 1 of 3 rows are bad", first_row(findings))
        assert SCRIPT in page.get_by_role("region", name="Refused rows").inner_text()
        assert "2, 0 without interactions" in text_of(page)
        page.get_by_text("Which column is read as what").click()
        columns = page.get_by_role("region", name="Columns that are read").inner_text()
        assert re.search(r"events.csv\s+ts\s+timestamp", columns)
        failed = ExaminationRecord(examined=1e9, data="files", error="There is nothing at files.")
        examination.write(failed)
        page.reload()
        alert = page.get_by_role("alert").get_by_text("There is nothing at files.")
        alert.wait_for()
        examination.write(failed.model_copy(update={"error": None, "diagnosis": found}))


def diagnose_file(folder):
    """Examine a file with a row that cannot be used, whose text is a script."""
    folder.mkdir()
    rows = ["u1,i1,5,1500000000", "u2,i2,3,1500003600", f"u2,i1,{SCRIPT},1500007200"]
    (folder / "events.csv").write_text("\n".join(["user,item,rating,ts", *rows, ""]))
    return diagnose(load_dataset(folder, max_bad_share=1.0))


def first_row(region):
    return region.locator("tbody tr").first.inner_text()


def test_texts_of_others_are_shown_and_never_run(guarded, open_page):
    page = open_page(guarded)
    for route in ("items?id=i1", "data", "try?user=%3Cimg%20src%3Dx%3E"):
        follow(page, route)
        if "user" not in route:
            assert SCRIPT in text_of(page)
        assert page.locator("main img").count() == 0
        assert page.title().endswith("recfunnel")


def test_a_key_that_may_only_read_is_told_what_it_lacks(guarded, open_page):
    page = open_page(guarded, "try?user=u1", key="reader")
    assert "Histories need a key with the role write" in text_of(page)
    assert page.locator(".cards .item").count() == 10
    page = open_page(guarded, "items?id=i2", key="reader")
    assert "Changes need a key with the role write" in text_of(page)
    page = open_page(guarded, "data", key="editor")
    assert "What is in the data needs a key with the role admin" in text_of(page)
    page = open_page(guarded, "bundles", key="editor")
    assert not page.get_by_role("button", name=re.compile("Activate")).count()


def test_each_page_says_in_sentences_that_there_is_no_bundle(empty, open_page):
    page = open_page(empty, key=None)
    expected = {
        "overview": "No bundle is in service",
        "bundles": "There is no bundle",
        "rules": "No rules were ever saved",
        "rules of a scene": "No rules were ever saved",
        "data": "No event",
    }
    for name, route in ROUTES.items():
        follow(page, route)
        assert expected.get(name, "Not available now") in text_of(page), name
        assert "undefined" not in text_of(page)


def test_without_redis_there_are_lists_and_the_rest_says_what_is_absent(
    trained, tmp_path, open_page
):
    with ExitStack() as redis:
        url = redis.enter_context(embedded_server(tmp_path / "redis"))
        with hosted(leisurely(out=trained, state=tmp_path, redis_url=url)) as service:
            redis.close()
            page = open_page(service, "try?user=u1", key=None)
            assert page.locator(".cards .item").count() == 10
            assert "history" in page.get_by_role("alert").inner_text()
            follow(page, "overview")
            assert page.get_by_role("alert").count() == 2  # activity and scenes
            assert "Redis" in page.get_by_role("alert").first.inner_text()


def test_a_service_that_is_gone_is_named(guarded, open_page):
    page = open_page(guarded)
    page.context.set_offline(True)
    page.get_by_role("link", name="Bundles").click()
    page.get_by_role("alert").get_by_text("cannot be reached").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("region", name="Bundles, newest first").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_narrow_screen_and_is_accessible(guarded, open_page, axe, scheme):
    page = open_page(guarded, viewport=NARROW, color_scheme=scheme)
    page.evaluate(axe)
    for route in ROUTES.values():
        follow(page, route)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], route
        assert page.evaluate(RUN_AXE) == [], route
    grounds = {"light": "rgb(246, 247, 247)", "dark": "rgb(16, 23, 26)"}
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == grounds[scheme]


def test_the_keyboard_alone_reaches_the_pages(guarded, open_page):
    page = open_page(guarded)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Overview"
    page.get_by_role("link", name="Funnel").focus()
    page.keyboard.press("Enter")
    page.locator("h1:focus").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Funnel"
    assert page.title() == "Funnel · recfunnel"
    assert page.locator("nav [aria-current=page]").inner_text() == "Funnel"
