"""A name in two forms is one name."""

import json

import orjson
import pytest

from app.errors import InvalidRequest
from app.ingest.content_ids import ContentIds
from app.ingest.fast_parser import read_batch, read_single
from app.ingest.import_files import Entry
from app.ingest.import_prepare import prepare_entry
from app.ingest.rows import EventRow
from app.ingest.strict_parser import prepare_with_care
from app.read.conditions import Step, parse_step
from app.schemas.names import may_need_normalising, normalise_all, normalise_name
from app.schemas.privacy_lines import UserLine
from app.schemas.strict_json import parse_json
from app.settings import Settings
from tests.conftest import NOW
from tests.unit.conftest import event

DECOMPOSED = "cafe\u0301"
NAMES = (
    "event_type",
    "event_category",
    "event_action",
    "entity_type",
    "entity_id",
    "session_id",
    "device_type",
)


@pytest.mark.fault("A9")
@pytest.mark.parametrize("ascii_only", [True, False])
def test_names_are_composed_by_both_readers(ascii_only: bool) -> None:
    """Whether they are escaped in the body or not; metadata stays as it is."""
    named = event(metadata={DECOMPOSED: DECOMPOSED}, **dict.fromkeys(NAMES, DECOMPOSED))
    body = json.dumps({"events": [named]}, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    plain = read_batch(body, NOW, Settings())
    assert plain is not None
    careful = prepare_with_care(parse_json(body), NOW, Settings())
    for prepared in (plain, careful):
        (row,) = prepared.rows
        assert [getattr(row, name) for name in NAMES] == ["café"] * 7
        assert orjson.loads(row.event_metadata) == {DECOMPOSED: DECOMPOSED}


@pytest.mark.fault("A9")
def test_defaults_of_a_batch_and_a_single_event_are_composed() -> None:
    defaults = {"session_id": DECOMPOSED, "device_type": DECOMPOSED}
    body = orjson.dumps({**defaults, "events": [event()]})
    for prepared in (
        read_batch(body, NOW, Settings()),
        prepare_with_care(parse_json(body), NOW, Settings()),
        read_single(orjson.dumps(event(**defaults)), NOW, Settings()),
    ):
        assert prepared is not None
        assert (prepared.rows[0].session_id, prepared.rows[0].device_type) == ("café", "café")


@pytest.mark.fault("A9")
def test_a_type_gives_its_category_and_action_composed() -> None:
    prepared = read_batch(
        orjson.dumps({"events": [event(event_type="cafe\u0301_ge\u0301re\u0301")]}), NOW, Settings()
    )
    assert prepared is not None
    row = prepared.rows[0]
    assert (row.event_type, row.event_category, row.event_action) == ("café_géré", "café", "géré")


@pytest.mark.fault("A9")
def test_a_name_that_is_too_long_in_its_form_is_left_out() -> None:
    """DEVANAGARI LETTER QA is two characters in NFC."""
    body = orjson.dumps(
        {"events": [event(entity_id="\u0958" * 65), event(entity_id="\u0958" * 64)]}
    )
    assert read_batch(body, NOW, Settings()) is None
    prepared = prepare_with_care(parse_json(body), NOW, Settings())
    assert prepared.rejections == []
    assert [row.entity_id for row in prepared.rows] == [None, "\u0915\u093c" * 64]
    (warning,) = prepared.rows[0].warnings
    assert (warning.code, warning.field) == ("too_long", "entity_id")


@pytest.mark.fault("A9")
def test_filters_and_steps_are_composed() -> None:
    assert normalise_name(DECOMPOSED) == "café"
    assert normalise_all([DECOMPOSED, "a"]) == ("café", "a")
    assert normalise_all(None) == ()
    assert parse_step(DECOMPOSED) == Step("café")
    assert parse_step(json.dumps({"event_type": DECOMPOSED})) == Step("café")
    with pytest.raises(InvalidRequest):
        parse_step('{"event_type": 1}')


@pytest.mark.parametrize(
    ("body", "may"),
    [
        (b'{"a":"b"}', False),
        (b'{"a":"\\"\\n"}', False),
        (b'{"a":"e\\u0301"}', True),
        ("{é}".encode(), True),
    ],
)
def test_a_body_of_ascii_needs_no_look(body: bytes, may: bool) -> None:
    assert may_need_normalising(body) == may


@pytest.mark.fault("A9")
def test_an_import_brings_users_and_events_in_their_one_form() -> None:
    address = "ju\u0308rgen@xn--mnchen-3ya.example."
    ids = ContentIds()
    line: dict[str, object] = {"kind": "user", "user_email": address}
    user = prepare_entry(Entry(1, line, 1), Settings(), NOW, ids)
    assert isinstance(user, UserLine)
    assert user.email == "jürgen@münchen.example"
    line = event(user_email=address, event_type=DECOMPOSED)
    row = prepare_entry(Entry(2, line, 1), Settings(), NOW, ids)
    ids.close()
    assert isinstance(row, EventRow)
    assert (row.user_email, row.event_type) == ("jürgen@münchen.example", "café")
