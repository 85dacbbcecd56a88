"""Where the service may listen, and what it says where it can't."""

import os
import socket
import subprocess
import sys

import pytest

from app.errors import ServeError
from app.server.serve import bind
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


@pytest.mark.fault("E11")
@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:81"),
        ("127.0.0.2", "http://127.0.0.2:81"),
        ("localhost", "http://localhost:81"),
        ("0.0.0.0", "http://localhost:81"),  # noqa: S104 (that it can't be opened is the point)
        ("", "http://localhost:81"),
        ("::", "http://localhost:81"),
        ("[::]", "http://localhost:81"),
        ("0:0:0:0:0:0:0:0", "http://localhost:81"),
        ("::1", "http://[::1]:81"),
        ("[::1]", "http://[::1]:81"),
        (" ::1 ", "http://[::1]:81"),
        ("2001:DB8:0::7", "http://[2001:db8::7]:81"),
        ("192.0.2.7", "http://192.0.2.7:81"),
        ("events.example.com", "http://events.example.com:81"),
    ],
)
def test_the_address_that_is_printed_can_be_opened(host: str, url: str) -> None:
    assert Settings(host=host).url_at(81) == url


@pytest.mark.fault("E11")
def test_an_address_in_brackets_is_listened_on() -> None:
    with bind(Settings(host="[::1]", port=0)) as listener:
        assert listener.getsockname()[0] == "::1"
    assert Settings(host="[::1]").listens_on_loopback


@pytest.mark.fault("E13")
@pytest.mark.parametrize("module", ["pwd", "fcntl", "resource", "grp"])
def test_the_command_line_is_loaded_without_what_posix_alone_has(module: str) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; import app.cli.main, activity_events"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


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
        f"Can't listen on 127.0.0.1:{port}: Address already in use (process {os.getpid()}, "
    )
    assert message.endswith("). Stop that process, or choose another port with PORT=...")


def test_an_address_of_no_interface_here_is_said_as_it_is() -> None:
    with (
        pytest.raises(ServeError, match=r"Can't listen on 203\.0\.113\.1:0: "),
        bind(Settings(host="203.0.113.1", port=0)),
    ):
        raise AssertionError("nobody has this address")
