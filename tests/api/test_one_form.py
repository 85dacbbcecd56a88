"""One person, however their address is spelt: logged, read, opted out, exported, erased as one."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.api.conftest import Json, client_of, event
from tests.api.credentials import ADMIN_KEY, AUDIENCE, SECRET, token

JUERGEN = "jürgen@münchen.example"
SPELLINGS = [
    "ju\u0308rgen@mu\u0308nchen.example",
    "JU\u0308RGEN@MÜNCHEN.example",
    "jürgen@xn--mnchen-3ya.example",
    "ju\u0308rgen@XN--MNCHEN-3YA.EXAMPLE.",
    "jürgen@münchen.example.",
    "jürgen@münchen\u3002example",
    "\ufeffjürgen@münchen.example",
    " jürgen@münchen.example\u200b ",
    "j\u00fcrge\uff4e\uff20münchen.example",
]
REFUSED = [
    "jür\u200bgen@münchen.example",
    "jür\u00adgen@münchen.example",
    "jürgen@mün\u00adchen.example",
    "jürgen\ufeff@münchen.example",
    "jür\u202egen@münchen.example",
    "\u212aate@münchen.example",
]
OPT_OUT = "http://localhost/api/privacy/opt-out"
USER = "http://localhost/api/privacy/user"
EXPORT = "http://localhost/api/privacy/export"
DECOMPOSED = "cafe\u0301"

pytestmark = pytest.mark.fault("A9")


async def send(client: httpx.AsyncClient, email: str, **fields: object) -> Json:
    response = await client.post(
        "/log/batch", json={"user_email": email, "events": [event(**fields)]}
    )
    answer: Json = response.json()
    return answer


async def count(client: httpx.AsyncClient, email: str) -> int:
    response = await client.get("/", params={"user_email": email})
    assert response.status_code == 200, response.text
    return len(response.json()["events"])


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_every_spelling_is_one_user(client: httpx.AsyncClient, spelling: str) -> None:
    assert (await send(client, spelling))["accepted"] == 1
    assert (await send(client, JUERGEN))["accepted"] == 1
    for email in (spelling, JUERGEN):
        assert await count(client, email) == 2
        answer = await client.get("/analytics", params={"user_email": email})
        assert answer.json()["total_events"] == 2
    listed = (await client.get("/")).json()["events"]
    assert [each["user_email"] for each in listed] == [JUERGEN, JUERGEN]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_an_opt_out_of_one_spelling_holds_for_the_others(
    client: httpx.AsyncClient, spelling: str
) -> None:
    params = {"user_email": spelling}
    assert (await client.put(OPT_OUT, params=params, json={"analytics": True})).status_code == 200
    assert (await send(client, JUERGEN))["suppressed"] == 1
    found = (await client.get(OPT_OUT, params={"user_email": JUERGEN})).json()
    assert found == {"analytics": True, "ai_context": False, "learning": False}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_an_erasure_of_one_spelling_reaches_the_others(
    client: httpx.AsyncClient, spelling: str
) -> None:
    await send(client, JUERGEN)
    exported = await client.get(EXPORT, params={"user_email": spelling})
    assert exported.text.count('"event_id"') == 1
    receipt = (await client.delete(USER, params={"user_email": spelling})).json()
    assert receipt["deleted"]["activity_event"] == 1
    assert (await send(client, JUERGEN))["suppressed"] == 1
    assert (await client.get(EXPORT, params={"user_email": JUERGEN})).status_code == 404


@pytest.mark.parametrize("address", REFUSED)
async def test_what_can_not_be_seen_is_refused_everywhere(
    client: httpx.AsyncClient, address: str
) -> None:
    body = {"user_email": JUERGEN, "events": [event(), event(user_email=address)]}
    answer = (await client.post("/log/batch", json=body)).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    (rejected,) = answer["results"]
    assert (rejected["index"], rejected["code"], rejected["field"]) == (
        1,
        "invalid_value",
        "user_email",
    )
    assert "must not contain" in rejected["message"]
    for method, url in (("GET", "/"), ("GET", OPT_OUT), ("DELETE", USER), ("GET", EXPORT)):
        response = await client.request(method, url, params={"user_email": address})
        assert response.status_code == 422, url


async def test_an_export_goes_on_after_a_line_in_any_spelling(client: httpx.AsyncClient) -> None:
    first = event(event_timestamp="2026-11-20T10:00:00Z")
    second = event(event_timestamp="2026-11-20T11:00:00Z")
    body = {"user_email": JUERGEN, "events": [first, second]}
    assert (await client.post("/log/batch", json=body)).json()["accepted"] == 2
    after = f"2026-11-20T10:00:00Z,{first['event_id']},{SPELLINGS[0]}"
    exported = await client.get("/export", params={"after": after})
    assert second["event_id"] in exported.text
    assert first["event_id"] not in exported.text


async def test_a_name_is_found_in_either_form(client: httpx.AsyncClient) -> None:
    names = ("event_type", "event_category", "event_action", "entity_type", "entity_id",
             "session_id", "device_type")  # fmt: skip
    await send(client, JUERGEN, **dict.fromkeys(names, DECOMPOSED))
    await send(client, JUERGEN, **dict.fromkeys(names, "café"))
    for form in (DECOMPOSED, "café"):
        for name in names:
            found = (await client.get("/", params={name: form})).json()["events"]
            assert [each[name] for each in found] == ["café", "café"], name
        session = await client.get(f"/session/{form}", params={"user_email": JUERGEN})
        assert len(session.json()["events"]) == 2
        steps = {"step": [form, form]}
        funnel = (await client.get("/analytics/funnel", params=steps)).json()
        assert (funnel["users"], funnel["converted"]) == (1, 1)
        paths = (await client.get("/analytics/paths", params={"anchor": form})).json()
        assert paths["occurrences"] == 2
    types = (await client.get("/analytics/top")).json()
    assert types["rows"][0]["value"] == "café"
    assert types["rows"][0]["events"] == 2


@pytest.fixture
async def guarded(
    settings: Settings, client: httpx.AsyncClient
) -> AsyncIterator[httpx.AsyncClient]:
    """The service on the same database, with keys and user tokens."""
    secured = settings.model_copy(
        update={
            **Settings(admin_keys=ADMIN_KEY, jwt_secret=SECRET, jwt_audience=AUDIENCE).model_dump(
                include={"admin_keys", "jwt_secret", "jwt_audience"}
            )
        }
    )
    app = create_app(secured, str(settings.database_url))
    async with app.router.lifespan_context(app), client_of(app) as guarded:
        yield guarded


@pytest.mark.fault("S12")
@pytest.mark.parametrize(
    "claim", ["\u212aate@x.io", "\uff4bate@x.io", "kate@x.io\u200b", "kate@x.io.", "kate\uff20x.io"]
)
async def test_a_token_for_what_looks_like_another_is_refused(
    guarded: httpx.AsyncClient, claim: str
) -> None:
    admin = {"X-API-Key": ADMIN_KEY}
    body = {"user_email": "kate@x.io", "events": [event()]}
    assert (await guarded.post("/log/batch", json=body, headers=admin)).status_code == 200
    own = {"Authorization": f"Bearer {token('Kate@X.io ')}"}
    assert len((await guarded.get("/", headers=own)).json()["events"]) == 1
    other = {"Authorization": f"Bearer {token(claim)}"}
    for method, url in (("GET", "/"), ("DELETE", USER), ("GET", EXPORT)):
        response = await guarded.request(method, url, headers=other)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_token")
    assert len((await guarded.get("/", headers=own)).json()["events"]) == 1


@pytest.mark.fault("S12")
async def test_a_token_reaches_its_own_user_in_every_spelling(guarded: httpx.AsyncClient) -> None:
    own = {"Authorization": f"Bearer {token(JUERGEN)}"}
    for spelling in (JUERGEN, *SPELLINGS):
        body = {"user_email": spelling, "events": [event()]}
        response = await guarded.post("/log/batch", json=body, headers=own)
        assert response.json().get("accepted") == 1, response.text
        found = await guarded.get("/", params={"user_email": spelling}, headers=own)
        assert found.status_code == 200
    other = {"user_email": "jurgen@münchen.example", "events": [event()]}
    assert (await guarded.post("/log/batch", json=other, headers=own)).status_code == 403
    assert len((await guarded.get("/", headers=own)).json()["events"]) == 1 + len(SPELLINGS)
