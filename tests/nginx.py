"""A real nginx before the service, as somebody would set it up in a minute."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(
    NGINX is None and "CI" not in os.environ, reason="nginx is not installed"
)
START_SECONDS = 10.0
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


@contextmanager
def running_nginx(folder: Path, servers: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run nginx with these servers; yield their URLs by the names of the servers.

    Args:
        folder: an empty folder for its files.
        servers: what stands in each `server` block, apart from its port.
    """
    assert NGINX is not None, "nginx is not installed"
    ports = {name: _free_port() for name in servers}
    blocks = "".join(
        f"server {{ listen 127.0.0.1:{ports[name]}; {block} }}\n" for name, block in servers.items()
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, servers=blocks))
    process = subprocess.Popen([NGINX, "-c", str(configuration), "-p", str(folder)])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not all(map(_is_listening, ports.values())):
            assert process.poll() is None, "nginx ended"
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)
        yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _is_listening(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0
