import httpx

from tests.conftest import LiveServer


async def test_smoke(client: httpx.AsyncClient) -> None:
    r = await client.post(
        "/log",
        json={
            "user_email": " Ada@Example.com",
            "event_type": "project_created",
            "entity_id": 42,
            "duration_ms": 12.7,
        },
    )
    assert r.status_code == 201, r.text
    r = await client.get("/", params={"user_email": "ada@example.com"})
    assert r.status_code == 200, r.text
    assert r.json()["events"][0]["entity_id"] == "42"
    r = await client.get("/session/x")
    assert r.status_code == 404


def test_live(live: LiveServer) -> None:
    assert httpx.get(live.url + "/health/ready").status_code == 200
