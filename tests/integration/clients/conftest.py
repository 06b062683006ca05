"""A service with a key, which the tests of both clients ask."""

import pytest

from app.access.keys import format_key
from tests.serving import hosted, leisurely

KEY = "rf_" + "client" * 6
READ_KEY = "rf_" + "reader" * 6


@pytest.fixture(scope="session")
def url(trained, redis_url):
    keys = ";".join([format_key("client", ["admin"], KEY), format_key("r", ["read"], READ_KEY)])
    settings = leisurely(out=trained, redis_url=redis_url, api_keys=keys, gorse_api=True)
    with hosted(settings) as service:
        yield str(service.client.base_url).rstrip("/")
