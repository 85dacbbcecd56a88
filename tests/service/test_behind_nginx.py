"""A service in local mode with a real nginx before it, as somebody would set it up in a minute."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.conftest import LiveServer

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.skipif(
    NGINX is None and "CI" not in os.environ, reason="nginx is not installed"
)

# Each on a port of its own; the service's is that of `live`.
WAYS = {
    "plain": "",
    "as kept alive": 'proxy_http_version 1.1; proxy_set_header Connection "";'
    " proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "with its host": "proxy_http_version 1.1; proxy_set_header Host $http_host;",
    "with the address": "proxy_http_version 1.1; proxy_set_header X-Real-IP $remote_addr;",
}
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {servers}
}}
"""
SERVER = "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {url}; {way} }} }}\n"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def fronts(
    live: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, httpx.Client]]:
    """A client of each of these ways."""
    assert NGINX is not None, "nginx is not installed"
    folder: Path = tmp_path_factory.mktemp("nginx")
    ports = {name: free_port() for name in WAYS}
    servers = "".join(
        SERVER.format(port=ports[name], url=live.url, way=way) for name, way in WAYS.items()
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, servers=servers))
    process = subprocess.Popen([NGINX, "-c", str(configuration), "-p", str(folder)])
    try:
        deadline = time.monotonic() + 10
        while not all(map(is_listening, ports.values())):
            assert process.poll() is None, "nginx ended"
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)
        headers = {"Host": "events.example.com"}
        with ExitStack() as clients:
            yield {
                name: clients.enter_context(
                    httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers)
                )
                for name, port in ports.items()
            }
    finally:
        process.terminate()
        process.wait(10)


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
