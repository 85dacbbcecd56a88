"""Where the service may listen, and what it says where it can't."""

import os
import socket

import pytest

from app.errors import ServeError
from app.serve import bind
from app.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert Settings(host=host).listens_on_loopback


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104 (that it is none is the point)
        "::",
        "",
        "192.168.1.5",
        "10.0.0.1",
        "169.254.1.1",
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "0",
    ],
)
def test_no_loopback(host: str) -> None:
    assert not Settings(host=host).listens_on_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_port_0_is_any_free_one(host: str) -> None:
    with bind(Settings(host=host, port=0)) as listener:
        address, port = listener.getsockname()[:2]
        assert address == host
        assert port > 0
        with socket.create_connection((host, port)):
            pass
    assert listener.fileno() == -1


def test_a_port_that_is_taken_names_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with (
            pytest.raises(ServeError) as caught,
            bind(Settings(host="127.0.0.1", port=port)),
        ):
            raise AssertionError("it is taken")
        message = str(caught.value)
    assert message.startswith(
        f"Can't listen on 127.0.0.1:{port}: Address already in use (by process {os.getpid()}, "
    )
    assert message.endswith("). Stop that one, or choose another port with PORT=...")


def test_an_address_of_no_interface_here_is_said_as_it_is() -> None:
    with (
        pytest.raises(ServeError, match=r"Can't listen on 203\.0\.113\.1:0: "),
        bind(Settings(host="203.0.113.1", port=0)),
    ):
        raise AssertionError("nobody has this address")
