"""A real browser, and a service with keys and two bundles for it. Both last for a module.

The browser must be closed before the tests of other modules begin: while it is open, the main
thread runs an event loop.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from app.access.keys import format_key
from app.bundle.stored_bundles import list_bundles
from tests.bundles import edit_manifest
from tests.conftest import ROOT, copy_trained
from tests.serving import Hosted, hosted, leisurely, until

REQUIRED = "REQUIRE_BROWSER"  # CI sets it: there, what is missing is a failure
AXE = ROOT / "console/node_modules/axe-core/axe.min.js"
ROLES = {"reader": ["read"], "editor": ["read", "write"], "admin": ["admin"]}
KEYS = {name: f"rf_{name * 8}" for name in ROLES}
STORED_KEY = "recfunnel.key"
SCRIPT = "<img src=x onerror=document.title='run'>"  # must be shown, and never run
SETTLED = "main:not(:has(.loading))"  # a page that has all that it shows


def existing(path: object, remedy: str) -> str:
    """Return what is needed; skip the test where it is absent, or fail if it is required."""
    if path:
        return str(path)
    if os.environ.get(REQUIRED):
        pytest.fail(remedy)
    pytest.skip(remedy)


@pytest.fixture(scope="module")
def browser():
    program = existing(
        shutil.which("chromium") or shutil.which("google-chrome"),
        "the console is tested in Chromium: install it (`apt-get install chromium`)",
    )
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is one

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def axe() -> str:
    """The checker of accessibility."""
    remedy = "run `make console` to install the checker of accessibility"
    return Path(existing(AXE.exists() and AXE, remedy)).read_text()


@pytest.fixture(scope="module")
def guarded(trained, redis_url, tmp_path_factory) -> Iterator[Hosted]:
    """A service with keys, two bundles, some lists, events, and an item with a script as title."""
    out = copy_trained(trained, tmp_path_factory.mktemp("browser") / "out")
    (bundle,) = list_bundles(out)
    edit_manifest(
        shutil.copytree(bundle.folder, bundle.folder.with_name("other")),
        version="other",
        settings={"rank.rounds": 99},
    )
    lines = ";".join(format_key(name, ROLES[name], key) for name, key in KEYS.items())
    with hosted(leisurely(out=out, redis_url=redis_url, api_keys=lines)) as service:
        prepare(service)
        yield service


def prepare(service: Hosted) -> None:
    """Give the pages something to show."""
    client, headers = service.client, {"X-API-Key": KEYS["admin"]}
    scene_of = service.service.deployment.consumer.scene_of
    client.put("/items/i1", json={"title": SCRIPT}, headers=headers)
    for user in ("u1", "u2"):
        answer = client.get("/recommend", params={"user_id": user}, headers=headers).json()
        shown = {"item_id": answer["items"][0]["item_id"], "request_id": answer["request_id"]}
        event = {"user_id": user, "type": "click", "context": {"page": SCRIPT}, **shown}
        until(partial(scene_of, answer["request_id"]))
        assert client.post("/events", json=event, headers=headers).is_success
    client.post("/events", json={"user_id": "u1", "item_id": "i2", "type": "no"}, headers=headers)
    until(lambda: client.get("/activity/scenes", headers=headers).json()["lists"] == 2)


def follow(page, route: str) -> None:
    """Go on to another page of the console, until it has loaded all that it shows."""
    page.evaluate(
        "async (route) => { location.hash = `#/${route}`; await new Promise(requestAnimationFrame);"
        " await new Promise((done) => setTimeout(done, 30)); }",
        route,
    )
    page.locator(SETTLED).wait_for()


@pytest.fixture
def open_page(browser) -> Iterator[Callable]:
    """Open a page of the console; at the end, no script failed and no policy was violated."""
    contexts, faults = [], []

    def open_one(service, route="overview", key="admin", **options):
        context = browser.new_context(base_url=str(service.client.base_url), **options)
        contexts.append(context)
        if key:
            held = f"sessionStorage.setItem('{STORED_KEY}', '{KEYS.get(key, key)}')"
            context.add_init_script(held)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if "Security Policy" in m.text else None)
        page.goto(f"/console/#/{route}")
        page.locator(SETTLED).wait_for()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []
