"""A service with API keys: who may do what, on every route that it has."""

import re
from datetime import date

import httpx
import pytest

from app.access.keys import format_key
from app.access.roles import OPEN_PATHS, required_role
from app.process.serve import OpenServiceError, check_access
from app.settings import Settings
from tests.serving import hosted, leisurely, until

KEYS = {role: f"rf_{role * 10}" for role in ("read", "write", "admin")}
OF_FILE = "rf_" + "file" * 10
EXPIRED = "rf_" + "expired" * 6
LACKING = {"read": KEYS["write"], "write": KEYS["read"], "admin": KEYS["write"]}  # another role
UNDECLARED = [("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/nothing"), ("POST", "/nothing")]


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(format_key("from-a-file", ["write"], OF_FILE))
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def guarded(trained, redis_url, key_file):
    lines = [format_key(role, [role], key) for role, key in KEYS.items()]
    lines.append(format_key("old", ["admin"], EXPIRED, date(2020, 1, 1)))
    settings = leisurely(
        out=trained,
        redis_url=redis_url,
        api_keys=";".join(lines),
        api_keys_file=key_file,
        cors_origins=("https://shop.example",),
        allowed_hosts=("127.0.0.1", "recs.example"),
        gorse_api=True,
    )
    with hosted(settings) as service:
        yield service


@pytest.fixture(scope="module")
def routes(guarded):
    """Every operation of the interface, and some requests that it does not describe."""
    schema = guarded.client.get("/openapi.json", headers={"X-API-Key": KEYS["read"]}).json()
    declared = [
        (method.upper(), re.sub(r"\{\w+\}", "x", path))
        for path, operations in schema["paths"].items()
        for method in operations
        if path not in OPEN_PATHS
    ]
    assert len(declared) > 10
    return declared + UNDECLARED


def statuses(service, routes, headers):
    return {
        f"{method} {path}": service.client.request(method, path, headers=headers).status_code
        for method, path in routes
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": "rf_" + "x" * 40},
        {"X-API-Key": EXPIRED},
        {"Authorization": f"Bearer {EXPIRED}"},
        {"Authorization": f"Basic {KEYS['admin']}"},
        {"X-API-Key": ""},
        {"Cookie": f"X-API-Key={KEYS['admin']}"},
    ],
    ids=["none", "unknown", "expired", "expired bearer", "basic", "empty", "cookie"],
)
def test_without_a_valid_key_every_route_is_refused(guarded, routes, headers):
    assert set(statuses(guarded, routes, headers).values()) == {401}


def test_a_key_with_another_role_is_refused_on_every_route(guarded, routes):
    for method, path in routes:
        role = required_role(method, path)
        answer = guarded.client.request(method, path, headers={"X-API-Key": LACKING[role]})
        assert answer.status_code == 403, (method, path)
        sentence = f"this needs a key with the role {role}"
        is_gorse = path.startswith("/api/")
        assert (answer.text if is_gorse else answer.json()["error"]["message"]) == sentence


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("DELETE", "/api/user/org%2Fanna", "admin"),
        ("DELETE", "/api/user/org%2fanna/", "admin"),
        ("DELETE", "/users/org%2Fanna", "admin"),
        ("GET", "/api/item/x%2F1/feedback", "write"),
        ("GET", "/api/item/x%2F1/feedback/like", "write"),
        ("GET", "/api/user-to-user/neighbors/org%2Fanna", "write"),
        ("GET", "/users/org%2Fanna", "write"),
    ],
)
def test_a_slash_within_an_id_changes_no_role(guarded, method, path, role):
    headers = {"X-API-Key": LACKING[role]}
    answer = guarded.client.request(method, path, headers=headers)
    assert answer.status_code == 403, answer.text
    assert f"this needs a key with the role {role}" in answer.text
    assert guarded.client.request(
        method, path, headers={"X-API-Key": KEYS["admin"]}
    ).status_code in {
        200,
        202,
        404,
    }


def test_a_key_in_the_query_string_is_none(guarded):
    answer = guarded.client.get("/recommend", params={"user_id": "1", "api_key": KEYS["read"]})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("key", [KEYS["read"], KEYS["admin"]])
def test_a_valid_key_is_accepted_in_either_header(guarded, key):
    for headers in ({"X-API-Key": key}, {"Authorization": f"bearer {key}"}):
        answer = guarded.client.get("/recommend", params={"user_id": "1"}, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_probes_without_a_key_see_a_status_alone(guarded):
    assert guarded.client.get("/healthz").json() == {"status": "alive"}
    assert guarded.client.get("/readyz").json() == {"ready": True}
    whole = guarded.client.get("/readyz", headers={"X-API-Key": KEYS["read"]}).json()
    assert whole["bundle"]


def test_the_interface_describes_how_keys_are_sent(guarded):
    schema = guarded.client.get("/openapi.json", headers={"X-API-Key": KEYS["read"]}).json()
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "api_key"}
    erase = schema["paths"]["/users/{user_id}"]["delete"]
    assert erase["x-role"] == "admin"
    assert erase["security"] == [{"bearer": []}, {"api_key": []}]
    assert {"401", "403"} <= set(erase["responses"])


def test_pages_cannot_be_framed(guarded):
    page = guarded.client.get("/docs", headers={"X-API-Key": KEYS["read"]})
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_what_an_admin_does_is_logged_by_name(guarded, caplog):
    with caplog.at_level("INFO", "recfunnel.audit"):
        guarded.client.delete("/users/nobody-of-access", headers={"X-API-Key": KEYS["admin"]})
        path = "/api/user/nobody%2Fof-access"
        guarded.client.delete(path, headers={"X-API-Key": KEYS["admin"]})
    assert "admin: DELETE /users/nobody-of-access -> 202" in caplog.text
    assert f"admin: DELETE {path} -> 200" in caplog.text
    assert KEYS["admin"] not in caplog.text


def test_an_attempt_to_do_what_needs_an_admin_is_logged_in_one_line(guarded, caplog):
    with caplog.at_level("INFO", "recfunnel.audit"):
        path = "/users/a%0Aadmin: DELETE /users/b"
        guarded.client.delete(path, headers={"X-API-Key": KEYS["write"]})
    (line,) = [each.getMessage() for each in caplog.records if each.name == "recfunnel.audit"]
    assert "DELETE '/users/a\\nadmin: DELETE /users/b' -> 403" in line


def test_browsers_of_configured_origins_alone_may_call(guarded):
    asking = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-api-key,traceparent,tracestate",
    }
    allowed = guarded.client.options("/recommend", headers=asking)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    refused = guarded.client.options("/recommend", headers=asking | {"Origin": "https://x.example"})
    assert "Access-Control-Allow-Origin" not in refused.headers
    answer = guarded.client.get("/recommend", headers={"Origin": "https://shop.example"})
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"


@pytest.mark.parametrize(
    ("host", "status"), [("recs.example", 401), ("evil.example", 400), ("127.0.0.1:80", 401)]
)
def test_only_configured_hosts_are_answered(guarded, host, status):
    assert guarded.client.get("/recommend", headers={"Host": host}).status_code == status


def test_without_keys_only_names_of_this_machine_are_answered(api):
    assert api.client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    assert api.client.get("/healthz", headers={"Host": "localhost:8000"}).status_code == 200


def test_pages_of_other_origins_change_nothing_without_keys(api, guarded):
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    path = "/bundles/none/activate"
    answer = api.client.post(path, headers=foreign)
    assert answer.status_code == 403
    assert "cors_origins" in answer.json()["error"]["message"]
    assert api.client.get("/healthz", headers=foreign).status_code == 200
    assert api.client.post(path).status_code == 404
    with_key = foreign | {"X-API-Key": KEYS["admin"]}
    assert guarded.client.post(path, headers=with_key).status_code == 404


def test_refusals_are_counted(guarded):
    guarded.client.get("/recommend")
    text = guarded.client.get("/metrics", headers={"X-API-Key": KEYS["read"]}).text
    assert re.search(r'recfunnel_requests_refused_total\{reason="no_key"\} [1-9]', text)


def test_a_service_without_keys_is_not_opened_to_a_network(tmp_path):
    with pytest.raises(OpenServiceError, match="recfunnel key new"):
        check_access(Settings(host="0.0.0.0", out=tmp_path))  # noqa: S104
    check_access(Settings(host="127.0.0.1", out=tmp_path))
    check_access(Settings(host="0.0.0.0", out=tmp_path, api_keys=f"a read {EXPIRED}"))  # noqa: S104


def test_keys_are_not_shown_with_the_settings():
    settings = Settings(api_keys=f"a read {KEYS['read']}")
    assert KEYS["read"] not in repr(settings)
    assert KEYS["read"] not in str(settings.model_dump(mode="json"))


def test_a_client_that_sends_much_without_a_key_is_refused_before_it_is_read(guarded):
    with httpx.Client(base_url=guarded.client.base_url) as client:
        answer = client.post("/events", content=b"[" * 10_000_000)
    assert answer.status_code == 401


def test_a_key_file_that_vanishes_is_named_and_its_keys_hold(guarded, key_file):
    def warnings():
        return guarded.client.get("/readyz", headers={"X-API-Key": OF_FILE}).json()["warnings"]

    assert not warnings()
    key_file.rename(key_file.with_name("moved"))
    until(lambda: any(str(key_file) in each for each in warnings()))
    key_file.with_name("moved").rename(key_file)
    until(lambda: not warnings())
