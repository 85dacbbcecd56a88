"""Every code of a rejection, what becomes of an envelope, and how its defaults are merged."""

from uuid import UUID

import pytest

from app.errors import TooLarge, UnreadableBody
from app.ingest.rows import EventRow
from app.ingest.verdict import Verdict, Warn
from tests.conftest import NOW
from tests.unit.conftest import ADA, EVENT_ID, event, kept, prepared, rejected

NAME_129 = 129 * "x"
NESTED_9: dict[str, object] = {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}}}


def test_a_plain_event_is_kept_as_it_is() -> None:
    found = prepared(
        {
            "batch_id": "b-1",
            "events": [
                event(
                    user_email=" Ada@Example.COM ",
                    event_type="project_subtask_completed",
                    entity_type="project",
                    entity_id=42,
                    metadata={"priority": "high", "tags": [1, 2.5, None]},
                    session_id="s-7f3a",
                    session_seq=3,
                    device_type="desktop",
                    context_snapshot={"route": "/"},
                    duration_ms=12.7,
                )
            ],
        }
    )
    assert found.batch_id == "b-1"
    assert found.rejections == []
    assert found.warnings == ()
    assert found.rows == [
        EventRow(
            place=0,
            user_email=ADA,
            event_timestamp=NOW.replace(hour=11, minute=30),
            event_id=UUID(EVENT_ID),
            event_type="project_subtask_completed",
            event_category="project",
            event_action="completed",
            entity_type="project",
            entity_id="42",
            event_metadata='{"priority":"high","tags":[1,2.5,null]}',
            session_id="s-7f3a",
            session_seq=3,
            device_type="desktop",
            context_snapshot='{"route":"/"}',
            duration_ms=13,
            received_at=NOW,
            time_is_fixed=True,
            warnings=(),
        )
    ]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"event_type": None}, "invalid_value", "event_type"),
        ({"event_type": 5}, "invalid_value", "event_type"),
        ({"event_type": " \t "}, "empty", "event_type"),
        ({"event_type": "a\tb"}, "invalid_value", "event_type"),
        ({"event_type": "a\u0000b"}, "invalid_text", "event_type"),
        ({"event_type": NAME_129}, "too_long", "event_type"),
        ({"event_category": ""}, "empty", "event_category"),
        ({"event_action": NAME_129}, "too_long", "event_action"),
        ({"entity_id": True}, "invalid_value", "entity_id"),
        ({"entity_id": 1.5}, "invalid_value", "entity_id"),
        ({"user_email": None}, "invalid_value", "user_email"),
        ({"user_email": "nobody"}, "invalid_value", "user_email"),
        ({"event_id": "17"}, "invalid_value", "event_id"),
        ({"event_timestamp": "yesterday"}, "invalid_value", "event_timestamp"),
        ({"event_timestamp": 1795174200}, "invalid_value", "event_timestamp"),
        ({"event_timestamp": "1795174200"}, "invalid_value", "event_timestamp"),
        ({"event_timestamp": "2026-11-20"}, "invalid_value", "event_timestamp"),
        ({"session_seq": -1}, "invalid_value", "session_seq"),
        ({"session_seq": 2**31}, "invalid_value", "session_seq"),
        ({"session_seq": 1.0}, "invalid_value", "session_seq"),
        ({"duration_ms": -1}, "invalid_value", "duration_ms"),
        ({"duration_ms": "5"}, "invalid_value", "duration_ms"),
        ({"duration_ms": 315_360_000_001}, "invalid_value", "duration_ms"),
        ({"metadata": [1]}, "invalid_value", "metadata"),
        ({"metadata": {"a": 1}, "event_metadata": {"a": 1}}, "invalid_value", "metadata"),
        ({"metadata": NESTED_9}, "too_deep", "metadata.a.b.c.d.e.f.g.h"),
        ({"metadata": {"a\u0000": 1}}, "invalid_text", "metadata"),
        ({"metadata": {"n": "x" * 32_768}}, "event_too_large", "metadata"),
        ({"context_snapshot": {"n": "x" * 32_768}}, "event_too_large", "context_snapshot"),
    ],
)
def test_a_bad_field_is_named_with_its_code(
    fields: dict[str, object], code: str, field: str
) -> None:
    verdict = rejected(**fields)
    assert (verdict.status, verdict.code, verdict.field) == ("rejected", code, field)
    assert verdict.message


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b'{"event_type":"a","metadata":{"n":NaN}}', "not_a_number", "metadata.n"),
        (b'{"event_type":"a","metadata":{"n":[-Infinity]}}', "not_a_number", "metadata.n[0]"),
        (b'{"event_type":"a","duration_ms":1e400}', "number_out_of_range", "duration_ms"),
        (b'{"event_type":"a","metadata":{"m":{"k":1,"k":2}}}', "duplicate_key", "metadata.m"),
        (b'{"event_type":"a","event_type":"b"}', "duplicate_key", "event"),
        (b'{"event_type":"half \\ud83d"}', "invalid_text", "event_type"),
        (b'{"metadata":{}}', "missing_field", "event_type"),
        (b"[]", "invalid_value", "event"),
        (b"null", "invalid_value", "event"),
        (b"NaN", "invalid_value", "event"),
    ],
)
def test_what_json_lets_through_but_cannot_be_kept(raw: bytes, code: str, field: str) -> None:
    found = prepared(b'{"user_email":"ada@example.com","events":[' + raw + b"]}")
    assert found.rows == []
    assert [(each.code, each.field) for each in found.rejections] == [(code, field)]


def test_a_user_has_to_be_named_by_the_event_or_the_batch() -> None:
    found = prepared({"events": [{"event_type": "a"}]})
    assert [(each.code, each.field) for each in found.rejections] == [
        ("missing_field", "user_email")
    ]


def test_one_bad_event_does_not_sink_the_others() -> None:
    found = prepared({"events": [event(event_type=""), event(), 7, event(event_id=None)]})
    assert [row.place for row in found.rows] == [1, 3]
    assert [each.index for each in found.rejections] == [0, 2]


def test_a_rejection_keeps_the_id_that_its_sender_knows() -> None:
    assert rejected(event_type="").event_id == EVENT_ID
    assert rejected(event_id="x" * 100).event_id == "x" * 64
    assert rejected(event_id=17).event_id is None
    assert rejected(event_id="\u0000").event_id is None


def test_a_path_in_a_rejection_has_a_bound() -> None:
    verdict = rejected(metadata={"k" * 500: "\u0000"})
    assert verdict.field == "metadata." + "k" * 191
    assert len(verdict.field) == 200


def test_the_deepest_and_the_largest_that_are_kept() -> None:
    assert kept(metadata={"a": {"b": {"c": {"d": {"e": {"f": {"g": {}}}}}}}}).place == 0
    largest = '{"n":"' + "x" * (32_768 - 8) + '"}'
    row = kept(metadata={"n": "x" * (32_768 - 8)})
    assert row.event_metadata == largest
    assert rejected(metadata={"n": "x" * (32_768 - 7)}).code == "event_too_large"


def test_the_size_of_metadata_and_context_is_counted_together() -> None:
    half = {"n": "x" * 16_376}  # 16,384 bytes of JSON
    assert kept(metadata=half, context_snapshot=half).place == 0
    one_more = {"n": "x" * 16_377}
    verdict = rejected(metadata=half, context_snapshot=one_more)
    assert (verdict.code, verdict.field) == ("event_too_large", "context_snapshot")
    assert verdict.message == "the event has 32769 bytes of JSON; 32768 are the limit"


def test_the_size_is_counted_in_bytes_of_utf_8() -> None:
    assert rejected(metadata={"n": "é" * 16_384}).code == "event_too_large"
    assert kept(metadata={"n": "é" * 16_380}).place == 0


def test_metadata_by_its_other_name_and_absent() -> None:
    assert kept(event_metadata={"a": 1}).event_metadata == '{"a":1}'
    assert kept(metadata=None, event_metadata={"a": 1}).event_metadata == '{"a":1}'
    assert kept().event_metadata == "{}"
    assert kept(context_snapshot={}).context_snapshot == "{}"
    assert kept().context_snapshot is None


def test_whole_numbers_past_64_bits_are_kept() -> None:
    body = (
        b'{"user_email":"a@b","events":[{"event_type":"a","metadata":{"n":18446744073709551617}}]}'
    )
    assert prepared(body).rows[0].event_metadata == '{"n":18446744073709551617}'


def test_the_clients_category_and_action_win() -> None:
    row = kept(event_category="work", event_action=" done ")
    assert (row.event_category, row.event_action) == ("work", "done")
    assert kept(event_category=None).event_category == "project"


def test_defaults_of_the_batch_fill_what_an_event_does_not_say() -> None:
    found = prepared(
        {
            "user_email": ADA,
            "session_id": 7,
            "device_type": "desktop",
            "context_snapshot": {"route": "/"},
            "events": [
                {"event_type": "a"},
                {"event_type": "a", "user_email": "bob@b", "session_id": None, "device_type": "tv"},
            ],
        }
    )
    first, second = found.rows
    assert (first.user_email, first.session_id, first.device_type) == (ADA, "7", "desktop")
    assert (second.user_email, second.session_id, second.device_type) == ("bob@b", None, "tv")
    assert first.context_snapshot == second.context_snapshot == '{"route":"/"}'


def test_a_bad_default_is_each_events_own_fault() -> None:
    found = prepared({"user_email": "nobody", "events": [{"event_type": "a"}, event()]})
    assert [(each.index, each.field) for each in found.rejections] == [(0, "user_email")]
    assert [row.place for row in found.rows] == [1]


def test_unknown_fields_are_named_and_ignored() -> None:
    found = prepared({"sesion_id": 1, "events": [event(zeta=1, alpha={"x": [1]})]})
    assert found.warnings == (
        Warn("unknown_field", "sesion_id", "is not a field of a batch; ignored"),
    )
    assert found.rows[0].warnings == (
        Warn("unknown_field", "alpha", "is not a field of an event; ignored"),
        Warn("unknown_field", "zeta", "is not a field of an event; ignored"),
    )


def test_unknown_fields_past_a_bound_are_counted() -> None:
    row = kept(**{f"u{number:02}": 1 for number in range(23)})
    assert [warn.field for warn in row.warnings] == [f"u{n:02}" for n in range(20)] + ["event"]
    assert row.warnings[-1].message == "3 more fields are unknown; ignored"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "invalid_envelope"),
        (b"3", "invalid_envelope"),
        (b"{}", "no_events"),
        (b'{"events":[]}', "no_events"),
        (b'{"events":{}}', "no_events"),
        (b'{"events":[1],"events":[2]}', "duplicate_key"),
        (b'{"events":[1],"sent_at":"soon"}', "invalid_envelope"),
        (b'{"events":[1],"sent_at":1795174200}', "invalid_envelope"),
        (b'{"events":[1],"sent_at":"1795174200"}', "invalid_envelope"),
        (b'{"events":[1],"batch_id":""}', "empty"),
        (b'{"events":[1],"batch_id":7}', "invalid_envelope"),
        (b'{"events":[1],"user_email":"\\u0000"}', "invalid_text"),
        (b'{"events":[1],"other":NaN}', "not_a_number"),
        (b'{"events":[1],"context_snapshot":{"n":"' + b"x" * 32_768 + b'"}}', "event_too_large"),
    ],
)
def test_an_envelope_that_cannot_be_used(body: bytes, code: str) -> None:
    with pytest.raises(UnreadableBody) as caught:
        prepared(body)
    assert (caught.value.status, caught.value.code) == (400, code)


def test_the_number_of_events_has_a_limit() -> None:
    assert len(prepared({"events": [event(), event()]}, batch_max_events=2).rows) == 2
    with pytest.raises(TooLarge) as caught:
        prepared({"events": [event()] * 3}, batch_max_events=2)
    assert caught.value.details == {"limit": "batch_max_events", "value": 2}


def test_a_batch_without_an_id_gets_one() -> None:
    assert UUID(prepared({"events": [event()]}).batch_id).version == 7


def test_a_verdict_says_what_was_wrong() -> None:
    assert rejected(event_timestamp="2026-11-20Tnoon:00Z") == Verdict(
        index=0,
        status="rejected",
        event_id=EVENT_ID,
        code="invalid_value",
        field="event_timestamp",
        message="Input should be a valid datetime or date, "
        "unexpected extra characters at the end of the input",
    )
