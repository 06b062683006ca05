"""``recfunnel demo --shop``: from nothing to a list in the page, a purchase, and the next list."""

import json
import re
import shutil
import signal
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from app.settings import Settings
from offline.commands.demo_shop import TRAINING, ShopOptions, demo_shop
from offline.commands.train import TrainOptions
from offline.shop.generate import LOG
from tests.conftest import ROOT
from tests.docs.typescript import BUILT
from tests.serving import QUICK, free_port, http_client, running, until

pytestmark = pytest.mark.browser
CARDS = "section:has(h2:text('{}')) .cards a"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The files and the bundle of a shop, and what the command did when it would have served."""
    folder = tmp_path_factory.mktemp("shop")
    options, served = ShopOptions(folder, users=200, page_port=free_port()), []
    settings = Settings(out=options.default_out, port=free_port(), redis_url=None)
    quick = TrainOptions(config=QUICK)
    demo_shop(settings, options, quick, lambda *passed: served.append(passed))
    trainings = {"train_data": options.folder, "train_config": TRAINING}
    assert served == [(settings.model_copy(update=trainings), options)]
    return options


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A web server of another page, as the tutorial has one."""
    folder = tmp_path_factory.mktemp("page")
    handler = partial(QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield SimpleNamespace(folder=folder, url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        """Write nothing to the terminal."""


@pytest.fixture(scope="module")
def shop(made, files):
    """The service, as the command runs it; one more page may call it."""
    arguments = ("--shop", "--data", str(made.data), "--page-port", str(made.page_port))
    others = {"RECFUNNEL_CORS_ORIGINS": json.dumps([files.url]), "COLUMNS": "200"}
    with running(made.default_out, "demo", *arguments, **others) as served:
        until(lambda: "The shop  http" in served.log, 30)
        yield served
        status, left = served.end(signal.SIGINT)
        assert status in {0, 130, -signal.SIGINT}
        assert left == []
        assert "Traceback" not in served.log


@pytest.fixture
def open_shop(browser, made):
    """Open the page; at the end, no script failed and nothing was refused by its policy."""
    contexts, faults = [], []

    def open_one(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if "Security Policy" in m.text else None)
        page.goto(f"http://127.0.0.1:{made.page_port}/")
        page.locator(CARDS.format("For you")).first.wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []


def titles(page, section):
    return page.locator(CARDS.format(section)).locator(".title").all_inner_texts()


def events_of(shop, user):
    answer = shop.client.get(f"/users/{user}")
    return [one["type"] for one in answer.json()["history"]] if answer.is_success else []


def test_the_files_are_those_of_a_shop_and_the_log_ends_yesterday(made, capsys):
    lines = (made.folder / LOG).read_text().splitlines()
    assert re.fullmatch(r"c\d{4},p\d{4},(view|add_to_cart|purchase),[\d.]*,[-\dT:]+Z", lines[-1])
    assert len((made.folder / "products.csv").read_text().splitlines()) == 801
    settings = Settings(out=made.default_out, port=free_port(), redis_url=None)
    demo_shop(settings, ShopOptions(made.data, page_port=free_port()), serve=lambda *_: None)
    assert "is used." in capsys.readouterr().out


def test_the_command_prints_a_list_and_the_addresses(shop, made):
    assert "For user c0001" in shop.log
    assert f"The shop  http://127.0.0.1:{made.page_port}/" in shop.log
    with http_client(f"http://127.0.0.1:{made.page_port}") as page:
        assert page.get("/service.json").json() == {"url": shop.url}


def test_the_console_shows_the_pictures_of_the_shop(shop, browser):
    with browser.new_context(base_url=shop.url) as context:
        page = context.new_page()
        page.goto("/console/#/try?user=c0001")
        page.locator(".cards .item").first.wait_for()
        page.wait_for_load_state("networkidle")
        loaded = "(all) => all.map((one) => one.querySelector('img').naturalWidth > 0)"
        assert page.locator(".cards .item").evaluate_all(loaded) == [True] * 10


def test_pages_of_other_origins_may_not_ask_the_service(shop, made, files):
    pages = [f"http://{host}:{made.page_port}" for host in ("127.0.0.1", "localhost")]
    origins = [files.url, *pages, "http://evil.example"]
    answers = [shop.client.get("/popular", headers={"Origin": one}) for one in origins]
    allowed = [one.headers.get("Access-Control-Allow-Origin") for one in answers]
    assert allowed == [files.url, *pages, None]


def test_a_customer_sees_a_list_with_pictures_prices_and_reasons_and_the_next_one(shop, open_shop):
    page = open_shop()
    first = titles(page, "For you")
    assert len(first) == 12
    cards = page.locator(CARDS.format("For you"))
    assert all(
        re.fullmatch(r"€ \d+\.\d\d", one) for one in cards.locator(".price").all_inner_texts()
    )
    assert any(cards.locator(".because").all_inner_texts())
    pictures = "(cards) => cards.every((c) => c.querySelector('img').naturalWidth > 0)"
    page.wait_for_load_state("networkidle")
    assert cards.evaluate_all(pictures)
    page.get_by_role("button", name="Next list").click()
    page.locator(".cards .title").first.filter(has_not_text=first[0]).wait_for()
    assert not set(first) & set(titles(page, "For you"))


def test_a_purchase_changes_the_next_list(shop, open_shop):
    page = open_shop()
    page.get_by_label("Customer").select_option(label="a new customer")
    user = page.get_by_label("Customer").input_value()
    page.wait_for_load_state("networkidle")
    chosen = page.locator(CARDS.format("For you")).first
    title = chosen.locator(".title").inner_text()
    chosen.click()
    page.get_by_role("heading", name=title).wait_for()
    assert len(titles(page, "Similar")) == 6
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Cart (1)").click()
    page.get_by_role("button", name="Buy").click()
    page.locator(CARDS.format("For you")).first.wait_for()
    until(lambda: events_of(shop, user) == ["purchase", "add_to_cart", "view"])
    assert title not in titles(page, "For you")
    because = page.locator(CARDS.format("For you")).locator(".because").all_inner_texts()
    assert f"Because of {title}" in because


def test_a_view_arrives_although_the_page_is_left_at_once(shop, open_shop):
    page = open_shop()
    page.get_by_label("Customer").select_option(label="a new customer")
    user = page.get_by_label("Customer").input_value()
    page.wait_for_load_state("networkidle")
    page.locator(CARDS.format("For you")).first.click()
    page.get_by_role("button", name="Add to cart").click()
    page.goto("about:blank")
    until(lambda: set(events_of(shop, user)) == {"view", "add_to_cart"})


def test_what_is_bought_together_stands_beside_a_product(shop, open_shop):
    counted = [f"p{n:04d}" for n in range(1, 200)]
    found = next(
        one for one in counted if shop.client.get(f"/items/{one}/bought-together").json()["items"]
    )
    page = open_shop()
    page.goto(f"{page.url.partition('#')[0]}#/product/{found}")
    page.locator(CARDS.format("Bought together")).first.wait_for()


def test_an_unknown_product_is_named_in_a_sentence(open_shop, browser):
    page = open_shop()
    page.evaluate("location.hash = '#/product/nothing'")
    page.get_by_role("alert").get_by_text("there is no item").wait_for()


def test_a_narrow_page_does_not_scroll_sideways(open_shop):
    page = open_shop(viewport={"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_the_page_of_the_tutorial_shows_a_list(shop, files, browser):
    tutorial = (ROOT / "docs/get-started/shop.md").read_text()
    (example,) = re.findall(r"```html\n(.*?)```", tutorial, flags=re.DOTALL)
    (files.folder / "list.html").write_text(example.replace("http://127.0.0.1:8000", shop.url))
    shutil.copy(BUILT, files.folder)
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{files.url}/list.html")
        page.locator("li").nth(4).wait_for()
        assert re.fullmatch(r".+, € [\d.]+", page.locator("li").first.inner_text())
