"""What a real service writes into its log, of a run in which much goes wrong."""

import asyncio
import json
import socket

import asyncpg
import httpx
import pytest

from tests.conftest import fresh_database, running_service

EMAIL = "planted.person@example.com"
KEY = "planted" + "k" * 40
ADMIN = "a" * 48


def drop_a_table(url: str) -> None:
    """From now on, the database refuses whatever is logged."""

    async def drop() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("DROP TABLE activity_event CASCADE")
        await connection.close()

    asyncio.run(drop())


@pytest.mark.fault("newcomer-68")
def test_a_run_in_which_much_goes_wrong_names_nobody(server_url: str) -> None:
    given = {
        "ACTIVITY_LOG_FORMAT": "json",
        "ACTIVITY_LOG_LEVEL": "debug",
        "ACTIVITY_LOG_REQUESTS": "all",
        "ACTIVITY_ADMIN_KEYS": ADMIN,
        "ACTIVITY_WRITE_KEYS": KEY,
    }
    good = {"user_email": EMAIL, "event_type": "a", "session_id": "planted-session"}
    with (
        fresh_database(server_url) as url,
        running_service(DATABASE_URL=url, **given) as server,
        httpx.Client(base_url=server.url, headers={"X-API-Key": ADMIN}, timeout=20) as client,
    ):
        for key in (KEY, "planted" * 8, "ae_admin_planted1_" + "s" * 43, "eyJwbGFudGVk.eyJh.c2ln"):
            client.post("/api/events/log", json=good, headers={"X-API-Key": key})
            client.get("/api/events/", params={"user_email": EMAIL}, headers={"X-API-Key": key})
        for body in (good, {**good, "event_timestamp": EMAIL}, {"user_email": "planted"}, [EMAIL]):
            client.post("/api/events/log", json=body)
            client.post("/api/events/log/batch", json={"events": [body]})
        client.post("/api/events/log", content=b'{"planted')
        client.get("/api/events/", params={"cursor": EMAIL})
        client.get(f"/api/events/session/{EMAIL}")
        client.get(f"/{EMAIL}?planted={EMAIL}", headers={"X-Request-ID": EMAIL})
        client.get("/health/live", headers={"X-Request-ID": "ae_admin_planted1_" + "s" * 43})
        client.delete("/api/privacy/user", params={"user_email": EMAIL})
        with socket.create_connection((server.host, server.port)) as raw:
            raw.sendall(b"GET /planted HTTP/9\r\nplanted: planted\0\r\n\r\n")
            raw.recv(4096)
        drop_a_table(url)
        assert client.post("/api/events/log", json=good).status_code == 503
        assert client.get("/api/events/", params={"user_email": EMAIL}).status_code == 503
        assert client.get("/api/events/export").status_code >= 500
        server.process.terminate()
        assert server.process.stdout is not None
        written = server.process.stdout.read()
    (ready, *_) = lines = [json.loads(line) for line in (server.greeting + written).splitlines()]
    assert (ready["event"], ready["level"]) == ("ready", "info")
    assert ready["api"] == f"{server.url}/api/events/"
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) > 20
    statuses = {line["status"] for line in requests}
    assert {200, 201, 400, 401, 404, 422, 503} <= statuses
    assert {"time", "level", "logger", "event", "request_id", "ms"} <= requests[0].keys()
    for secret in ("planted", "example.com", "@", "%40", ADMIN, KEY, "?"):
        assert secret not in written, [line for line in written.splitlines() if secret in line]


def test_for_people_a_line_is_a_line(server_url: str) -> None:
    with (
        fresh_database(server_url) as url,
        running_service(
            DATABASE_URL=url, ACTIVITY_LOG_REQUESTS="notable", ACTIVITY_LOG_SLOW_MS="0"
        ) as server,
    ):
        httpx.get(f"{server.url}/health/live", headers={"X-Request-ID": "r-12345678"})
        server.process.terminate()
        assert server.process.stdout is not None
        written = server.process.stdout.read().splitlines()
    assert len(written) == 1
    head, _, rest = written[0].partition(" ")
    assert head.endswith("Z")
    words = rest.split()
    assert words[:2] == ["warning", "request"]
    assert words[2:5] == ["method=GET", "route=/health/live", "status=200"]
    assert words[-1] == "request_id=r-12345678"
