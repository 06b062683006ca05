"""Every endpoint has an example, in the pages and in ``/docs``, and those of ``/docs`` work."""

import re
import shlex
import shutil
from contextlib import ExitStack

import orjson
from typer.main import get_command

from app.bundle.bundle import find_current_bundle
from app.trainings.trainer_notices import TrainerNotice, announce
from offline import cli
from tests.bundles import edit_manifest
from tests.conftest import ROOT
from tests.serving import hosted, leisurely

DEMO_USER, DEMO_ITEMS = "196", ("50", "288")  # that examples name
COMMAND = re.compile(
    r"(?:\w+=\S+ )*(?:\.venv/bin/)?recfunnel ((?:'[^']*'|\"[^\"]*\"|[^|>&;'\"#])+)"
)


def operations(told):
    """Every method and path of the application, with what OpenAPI says of it."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield (method.upper(), path), operation


def shown_requests():
    """Method and path of every curl command in the pages."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = page.read_text().replace("\\\n", " ")
        for command in re.findall(r"curl .*", text):
            path = re.search(r"http://127\.0\.0\.1:8000(/[^\s'\"?]*)", command)
            assert path, f"{page.name}: {command} does not ask the service of the demo"
            yield page.name, method(command), path[1]


def method(command):
    said = re.search(r"-X (\w+)", command)
    has_body = re.search(r" (-d|--data-binary) ", command) and " -sG " not in command
    return said[1] if said else "POST" if has_body else "GET"


def names_path(template, path):
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)


def test_every_operation_has_an_example_in_the_pages(api):
    told = api.client.get("/openapi.json").json()
    shown = {(method, path) for _, method, path in shown_requests()}
    for (method, template), _ in operations(told):
        assert any(m == method and names_path(template, p) for m, p in shown), (method, template)


def test_every_example_in_the_pages_asks_for_what_there_is(api):
    there = [one for one, _ in operations(api.client.get("/openapi.json").json())]
    for page, method, path in shown_requests():
        assert any(m == method and names_path(t, path) for m, t in there), (page, method, path)


def test_every_operation_has_an_id_and_exact_bodies_for_generated_clients(api):
    told = api.client.get("/openapi.json").json()
    names = [operation["operationId"] for _, operation in operations(told)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    for one, operation in operations(told):
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                assert content["schema"], (one, status)
    references = re.findall(r'"#/components/schemas/(\w+)"', orjson.dumps(told).decode())
    assert set(references) <= set(told["components"]["schemas"])


def bodies(told, operation):
    """Content type and examples of an operation's body; None where it takes none."""
    if "requestBody" not in operation:
        return None
    found = []
    for kind, content in operation["requestBody"]["content"].items():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        schema = told["components"]["schemas"].get(name, {})
        examples = [content["example"]] if "example" in content else schema.get("examples", [])
        found += [(kind, example) for example in examples] or [(kind, None)]
    return found


def parameters(operation):
    """Examples of the parameters that must be given, by where they are."""
    given = {"path": {}, "query": {}}
    for parameter in operation.get("parameters", []):
        if parameter["required"]:
            given[parameter["in"]][parameter["name"]] = parameter["schema"].get("example")
    return given


def test_every_body_and_every_required_parameter_has_an_example_that_docs_fill_in(api):
    told = api.client.get("/openapi.json").json()
    for one, operation in operations(told):
        for kind, example in bodies(told, operation) or []:
            assert example is not None, (one, kind)
        for given in parameters(operation).values():
            assert None not in given.values(), (one, given)


def test_the_examples_of_docs_work_unchanged(out, redis_url):
    settings = leisurely(out=out, redis_url=redis_url)
    with hosted(settings) as service, ExitStack() as stack:
        for item in DEMO_ITEMS:  # they are of the demo's data
            assert service.client.put(f"/items/{item}", json={"categories": ["Drama"]}).is_success
        liked = {"user_id": DEMO_USER, "item_id": "i1", "type": "like"}
        assert service.client.post("/events", json=liked).is_success
        erasure = service.client.delete("/users/somebody").json()["erasure_id"]
        bundle = find_current_bundle(out)
        copied = shutil.copytree(bundle, bundle.with_name("copy"))
        version = edit_manifest(copied, version="copy").name
        notice = TrainerNotice(data="data")
        stack.enter_context(announce(service.service.trainings.path, notice))
        told = service.client.get("/openapi.json").json()
        for (method, template), operation in operations(told):
            given = parameters(operation)
            if "erasure_id" in given["path"]:  # nobody can name one before there is one
                given["path"]["erasure_id"] = erasure
            if "version" in given["path"]:
                given["path"]["version"] = version
            if "training_id" in given["path"]:
                given["path"]["training_id"] = service.service.trainings.waiting().training_id
            path = template.format(**given["path"])
            for kind, body in bodies(told, operation) or [("", None)]:
                content = body if isinstance(body, str) else body and orjson.dumps(body)
                headers = {"Content-Type": kind} if kind else {}
                answer = service.client.request(
                    method, path, params=given["query"], content=content, headers=headers
                )
                assert answer.is_success, (method, path, body, answer.text)


def shown_commands():
    """The page and the words of every command of ``recfunnel`` in a block of shell."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                found = COMMAND.match(line)
                if found:
                    yield page.name, shlex.split(found[1])


def test_every_command_in_the_pages_exists_and_has_its_options():
    seen = set()
    for page, words in shown_commands():
        command, left = get_command(cli.app), list(words)
        while hasattr(command, "commands"):
            assert left[0] in command.commands, (page, words)
            command = command.commands[left.pop(0)]
        command.make_context("recfunnel", left)
        seen.add((page, command.name))
    assert {("shop.md", name) for name in ("doctor", "train", "serve")} <= seen
