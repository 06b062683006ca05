"""The Python client has every operation of the service, with its parameters and its answers."""

import inspect
import re

import pytest
from recfunnel_client import Client

from app.main import create_app
from app.settings import Settings
from tests.docs.client_schemas import MODULES, PACKAGE

NOT_OF_THE_CLIENT = {
    *("/healthz", "/readyz", "/metrics"),  # for probes and Prometheus
    *("/overview", "/activity", "/activity/scenes", "/doctor"),  # for the console
    *("/bundles", "/bundles/{version}/activate"),
    *("/rules", "/rules/history", "/rules/schema", "/rules/preview"),
    "/rules/versions/{number}/restore",
}
ARGUMENTS = {  # of a call of each operation
    "recommend": {
        "recommend": ["u"],
        "recommend_session": [],
        "rank": ["u", ["i"]],
        "similar_items": ["i"],
        "items_bought_together": ["i"],
        "popular_items": [],
        "trending_items": [],
        "explain": ["u", "i"],
    },
    "others": {
        "events": [{"user_id": "u", "item_id": "i"}],
        "newest_events": [],
        "put_item": ["i", {"title": "T"}],
        "patch_item": ["i", {"title": "T"}],
        "put_items": [[{"item_id": "i"}]],
        "get_item": ["i"],
        "get_counts": ["i"],
        "delete_item": ["i"],
        "search_items": [],
        "put_user": ["u", {"age": 3}],
        "patch_user": ["u", {"age": None}],
        "put_users": [[{"user_id": "u", "attributes": {}}]],
        "get_user": ["u"],
        "get_user_history": ["u"],
        "delete_user": ["u"],
        "get_erasure": ["e"],
        "search_users": [],
        "put_friends": ["u", ["v"]],
        "put_blocked": ["u"],
        "get_blocked": ["u"],
        "list_onboarding_items": [],
        "store_picks": ["u"],
        "start_training": [],
        "list_trainings": [],
        "get_training": ["20260801T030000-0123ab"],
        "cancel_training": ["20260801T030000-0123ab"],
    },
}
OTHER_NAMES = {  # of the client, by those of the service
    "recommend_session": "recommend",
    "similar_items": "similar",
    "items_bought_together": "bought_together",
    "popular_items": "popular",
    "trending_items": "trending",
    "events": "send",
    "get_item": "item",
    "get_counts": "item_counts",
    "search_items": "items",
    "get_user": "user",
    "get_user_history": "user_history",
    "get_erasure": "erasure",
    "search_users": "users",
    "list_trainings": "trainings",
    "get_training": "training",
    "get_blocked": "blocked",
    "list_onboarding_items": "onboarding",
    "store_picks": "send_picks",
}
CALLS = ARGUMENTS["recommend"] | ARGUMENTS["others"]


@pytest.fixture(scope="module")
def described():
    return create_app(Settings()).openapi()


@pytest.fixture(scope="module")
def operations(described):
    """Every operation of the service, by its id, with its method and path."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if path not in NOT_OF_THE_CLIENT
    }


def method_of(operation_id):
    return getattr(Client, OTHER_NAMES.get(operation_id, operation_id))


@pytest.mark.parametrize("module", MODULES)
def test_the_types_of_the_client_are_those_of_the_service(module, described):
    assert (PACKAGE / module).read_text() == MODULES[module](described), (
        "run python -m tests.docs.client_schemas"
    )


def test_the_client_has_every_operation(operations):
    assert set(CALLS) == set(operations)


@pytest.mark.parametrize("operation_id", CALLS)
def test_a_call_goes_where_the_operation_is_and_reads_its_answer(operation_id, operations):
    method, path, operation = operations[operation_id]
    call = method_of(operation_id)(*CALLS[operation_id])
    assert call.method == method
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), call.path)
    (success,) = (r for status, r in operation["responses"].items() if status.startswith("2"))
    schema = success.get("content", {}).get("application/json", {}).get("schema", {})
    answer = schema.get("$ref", "NoneType").rpartition("/")[2]
    assert call.answer.__name__ == answer


@pytest.mark.parametrize("operation_id", CALLS)
def test_every_parameter_of_the_service_can_be_passed(operation_id, operations, described):
    _, _, operation = operations[operation_id]
    declared = {parameter["name"] for parameter in operation.get("parameters", [])}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        if name and not name.startswith("Item"):  # an item is one dictionary
            declared |= set(described["components"]["schemas"][name]["properties"])
    accepted = set(inspect.signature(method_of(operation_id)).parameters)
    assert declared - {"cursor"} <= accepted
