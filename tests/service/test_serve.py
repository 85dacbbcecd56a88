"""The life of a service with its embedded PostgreSQL: start, stop, kill, start again."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import LiveServer, running_service

COMMAND = Path(sys.executable).with_name("activity-events")
TIMEOUT_SECONDS = 60


def postmaster_of(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0]))


def has_ended(process: psutil.Process) -> bool:
    """Also where nobody has collected its exit status yet, as in a container without init."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def log_one(server: LiveServer, event_type: str) -> None:
    event = {"user_email": "ada@example.com", "event_type": event_type}
    assert httpx.post(f"{server.url}/api/events/log", json=event).status_code == 201


def types_of(server: LiveServer) -> list[str]:
    events = httpx.get(f"{server.url}/api/events/").json()["events"]
    return [event["event_type"] for event in events]


def serve(data_dir: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    inherited = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    return subprocess.run(
        [COMMAND, "serve", *args],
        env={**inherited, "ACTIVITY_DATA_DIR": str(data_dir), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def test_data_outlives_a_stop_and_the_database_stops_with_the_service(tmp_path: Path) -> None:
    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        assert f"API        {server.url}/api/events/" in server.greeting
        assert f"API docs   {server.url}/docs" in server.greeting
        assert f"Data       {tmp_path}" in server.greeting
        log_one(server, "project_created")
        postmaster = postmaster_of(tmp_path)
    assert server.process.returncode == 0
    assert has_ended(postmaster)

    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        assert types_of(server) == ["project_created"]
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(TIMEOUT_SECONDS) == 0
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_a_killed_service_is_found_again_with_its_running_database(tmp_path: Path) -> None:
    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        log_one(server, "email_opened")
        server.process.kill()
        server.process.wait(TIMEOUT_SECONDS)
    orphan = postmaster_of(tmp_path)

    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        assert postmaster_of(tmp_path).pid == orphan.pid
        assert types_of(server) == ["email_opened"]
    assert server.process.returncode == 0
    assert has_ended(orphan)


def test_service_and_database_killed_together_recover(tmp_path: Path) -> None:
    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        log_one(server, "standup_completed")
        server.process.kill()
        server.process.wait(TIMEOUT_SECONDS)
    postmaster = postmaster_of(tmp_path)
    postmaster.kill()
    psutil.wait_procs([postmaster], TIMEOUT_SECONDS)

    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        assert types_of(server) == ["standup_completed"]


def test_a_pid_file_that_names_another_program_is_stale(tmp_path: Path) -> None:
    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        log_one(server, "modal_opened")
        pid_file = tmp_path / "postgres" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        assert types_of(server) == ["modal_opened"]


def test_a_second_start_says_who_holds_the_port_or_the_data(tmp_path: Path) -> None:
    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        same_port = serve(tmp_path, "--port", str(server.port))
        assert same_port.returncode == 1
        assert f"Can't listen on 127.0.0.1:{server.port}" in same_port.stderr
        assert f"(process {server.process.pid}" in same_port.stderr
        assert "PORT=" in same_port.stderr

        same_data = serve(tmp_path, "--port", "0")
        assert same_data.returncode == 1
        assert (
            f"The data in {tmp_path} is in use by process {server.process.pid}" in same_data.stderr
        )
        assert server.url in same_data.stderr
        assert "ACTIVITY_DATA_DIR" in same_data.stderr
        assert types_of(server) == []


def test_other_commands_share_the_running_database(tmp_path: Path) -> None:
    environment = {**os.environ, "ACTIVITY_DATA_DIR": str(tmp_path)}
    environment.pop("DATABASE_URL", None)

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *args],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    with running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server:
        log_one(server, "page_viewed")
        checked = run("verify")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "0 faults" in checked.stdout
        counted = run("cleanup", "--user-email", "Ada@example.com", "--dry-run")
        assert "1 events of ada@example.com to delete" in counted.stdout
        assert types_of(server) == ["page_viewed"]
    deleted = run("cleanup", "--user-email", "ada@example.com", "--yes")
    assert "1 events deleted" in deleted.stdout
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_a_request_under_way_is_answered_before_the_stop(tmp_path: Path) -> None:
    body = b'{"user_email": "ada@example.com", "event_type": "project_created"}'
    head = (
        b"POST /api/events/log HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    with (
        running_service(ACTIVITY_DATA_DIR=str(tmp_path)) as server,
        socket.create_connection((server.host, server.port), TIMEOUT_SECONDS) as connection,
    ):
        connection.sendall(head + body[:10])
        # Once another request is answered, this one has been taken, too.
        assert httpx.get(f"{server.url}/health/live").status_code == 200
        server.process.terminate()
        while not refuses(server):
            pass
        connection.sendall(body[10:])
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert server.process.wait(TIMEOUT_SECONDS) == 0


def refuses(server: LiveServer) -> bool:
    try:
        socket.create_connection((server.host, server.port), TIMEOUT_SECONDS).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def test_it_does_not_listen_to_the_world_without_keys(tmp_path: Path) -> None:
    refused = serve(tmp_path, "--host", "0.0.0.0")  # noqa: S104 (that is what is refused)
    assert refused.returncode == 1
    assert "activity-events keys create" in refused.stderr
    assert "ACTIVITY_ADMIN_KEYS" in refused.stderr


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ACTIVITY_RETENTION_DAYS": "soon"}, "Setting ACTIVITY_RETENTION_DAYS"),
        ({"PORT": "99999"}, "Setting PORT"),
        ({"ACTIVITY_ADMIN_KEYS": "abc"}, "ACTIVITY_ADMIN_KEYS: must have at least 32 characters"),
        ({"ACTIVITY_JWT_JWKS": "https://id.example.com"}, "Setting ACTIVITY_JWT_JWKS: requires"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, "can't be reached"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        (
            {"ACTIVITY_LLM_MODEL": "gpt-5"},
            "must have the form provider:model, such as openai:gpt-5",
        ),
        ({"ACTIVITY_LLM_MODEL": "acme:gpt-5"}, "Unknown model: acme:gpt-5"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    wrong = serve(tmp_path, **{"PORT": "0", **environment})
    assert wrong.returncode == 1
    assert message in wrong.stderr
    assert "Traceback" not in wrong.stderr
