"""A service in local mode with a real nginx before it, as somebody would set it up in a minute."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.conftest import LiveServer
from tests.nginx import needs_nginx, running_nginx

pytestmark = needs_nginx

# Each on a port of its own; the service's is that of `live`.
WAYS = {
    "plain": "",
    "as kept alive": 'proxy_http_version 1.1; proxy_set_header Connection "";'
    " proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "with its host": "proxy_http_version 1.1; proxy_set_header Host $http_host;",
    "with the address": "proxy_http_version 1.1; proxy_set_header X-Real-IP $remote_addr;",
}


@pytest.fixture(scope="module")
def fronts(
    live: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, httpx.Client]]:
    """A client of each of these ways."""
    folder = tmp_path_factory.mktemp("nginx")
    servers = {name: f"location / {{ proxy_pass {live.url}; {way} }}" for name, way in WAYS.items()}
    headers = {"Host": "events.example.com"}
    with running_nginx(folder, servers) as urls, ExitStack() as clients:
        yield {
            name: clients.enter_context(httpx.Client(base_url=url, headers=headers))
            for name, url in urls.items()
        }


@pytest.mark.fault("N7", "S9", "newcomer-63")
@pytest.mark.parametrize(
    ("way", "code"),
    [
        ("plain", "proxy_not_allowed"),
        ("as kept alive", "proxy_not_allowed"),
        ("with the address", "proxy_not_allowed"),
        ("with its host", "host_not_allowed"),
    ],
)
def test_local_mode_is_not_for_the_network(
    fronts: dict[str, httpx.Client], live: LiveServer, way: str, code: str
) -> None:
    front = fronts[way]
    for method, path in (
        ("GET", "/api/events/export"),
        ("DELETE", "/api/events/cleanup?days=0"),
        ("POST", "/mcp"),
        ("GET", "/dashboard"),
    ):
        response = front.request(method, path)
        assert (response.status_code, response.json()["error"]["code"]) == (403, code), path
    assert front.get("/health/ready").status_code == 200
    assert httpx.get(f"{live.url}/api/events/").status_code == 200
