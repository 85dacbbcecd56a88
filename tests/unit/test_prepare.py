"""Every code of a rejection, what becomes of an envelope, and how its defaults are merged."""

from uuid import UUID, uuid5

import pytest

from app.errors import TooLarge, UnreadableBody
from app.ingest.results import EventResult, Warn
from app.ingest.rows import EventRow, TimeBasis
from tests.conftest import NOW
from tests.unit.conftest import ADA, AT, EVENT_ID, event, kept, prepared, rejected

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
            time_basis=TimeBasis.GIVEN,
            warnings=(),
        )
    ]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"event_type": None}, "invalid_value", "event_type"),
        ({"event_type": 5}, "invalid_value", "event_type"),
        ({"event_type": True}, "invalid_value", "event_type"),
        ({"event_type": {"a": 1}}, "invalid_value", "event_type"),
        ({"event_type": ""}, "empty", "event_type"),
        ({"event_type": " \t "}, "empty", "event_type"),
        ({"event_type": "\u0007"}, "empty", "event_type"),
        ({"event_type": NAME_129}, "too_long", "event_type"),
        ({"user_email": None}, "missing_field", "user_email"),
        ({"user_email": ""}, "missing_field", "user_email"),
        ({"user_email": "nobody"}, "invalid_value", "user_email"),
        ({"user_email": ["a@b"]}, "invalid_value", "user_email"),
        ({"user_email": "a\u0000@b"}, "invalid_text", "user_email"),
        ({"event_timestamp": "yesterday"}, "invalid_value", "event_timestamp"),
        ({"event_timestamp": 1795174200}, "invalid_value", "event_timestamp"),
        ({"event_timestamp": "1795174200"}, "invalid_value", "event_timestamp"),
        ({"event_timestamp": "2026-11-20"}, "invalid_value", "event_timestamp"),
        ({"event_timestamp": "\u0000"}, "invalid_text", "event_timestamp"),
        ({"metadata": {"n": "x" * 65_536}}, "event_too_large", "metadata"),
        ({"context_snapshot": {"n": "x" * 65_536}}, "event_too_large", "context_snapshot"),
    ],
)
def test_a_bad_field_is_named_with_its_code(
    fields: dict[str, object], code: str, field: str
) -> None:
    verdict = rejected(**fields)
    assert (verdict.status, verdict.code, verdict.field) == ("rejected", code, field)
    assert verdict.message


@pytest.mark.fault("N13")
@pytest.mark.parametrize(
    ("fields", "kept_as"),
    [
        ({"entity_id": ""}, {"entity_id": None}),
        ({"entity_type": " "}, {"entity_type": None}),
        ({"session_id": ""}, {"session_id": None}),
        ({"device_type": ""}, {"device_type": None}),
        ({"event_category": ""}, {"event_category": "project"}),
        ({"event_action": ""}, {"event_action": "created"}),
        ({"session_seq": 1.0}, {"session_seq": 1}),
        ({"session_seq": "12"}, {"session_seq": 12}),
        ({"session_seq": ""}, {"session_seq": None}),
        ({"duration_ms": "12"}, {"duration_ms": 12}),
        ({"duration_ms": " 12.6 "}, {"duration_ms": 13}),
        ({"duration_ms": 0}, {"duration_ms": 0}),
        ({"entity_id": 5.0}, {"entity_id": "5"}),
        ({"entity_id": 1e20}, {"entity_id": "100000000000000000000"}),
        ({"session_id": -7}, {"session_id": "-7"}),
        ({"metadata": []}, {"event_metadata": "{}"}),
        ({"metadata": ""}, {"event_metadata": "{}"}),
        ({"metadata": "\n"}, {"event_metadata": "{}"}),
        ({"context_snapshot": []}, {"context_snapshot": "{}"}),
        ({"context_snapshot": ""}, {"context_snapshot": None}),
        ({"event_timestamp": "2026-11-20T11:30:00Z", "event_id": EVENT_ID.upper()}, {}),
    ],
)
def test_what_means_the_same_is_taken_without_a_word(
    fields: dict[str, object], kept_as: dict[str, object]
) -> None:
    row = kept(**fields)
    assert row.warnings == ()
    assert {name: getattr(row, name) for name in kept_as} == kept_as


@pytest.mark.fault("N13")
@pytest.mark.parametrize(
    ("fields", "code", "field", "kept_as"),
    [
        ({"entity_id": True}, "invalid_value", "entity_id", {"entity_id": None}),
        ({"entity_id": 1.5}, "invalid_value", "entity_id", {"entity_id": None}),
        ({"entity_id": NAME_129}, "too_long", "entity_id", {"entity_id": None}),
        ({"entity_id": 10**128}, "too_long", "entity_id", {"entity_id": None}),
        ({"entity_id": ["a"]}, "invalid_value", "entity_id", {"entity_id": None}),
        ({"entity_id": "a\tb"}, "invalid_value", "entity_id", {"entity_id": None}),
        ({"session_id": NAME_129}, "too_long", "session_id", {"session_id": None}),
        ({"device_type": 5}, "invalid_value", "device_type", {"device_type": None}),
        ({"device_type": NAME_129}, "too_long", "device_type", {"device_type": None}),
        ({"event_action": NAME_129}, "too_long", "event_action", {"event_action": "created"}),
        ({"event_category": False}, "invalid_value", "event_category", {}),
        ({"session_seq": -1}, "invalid_value", "session_seq", {"session_seq": None}),
        ({"session_seq": 2**31}, "invalid_value", "session_seq", {"session_seq": None}),
        ({"session_seq": 1.5}, "invalid_value", "session_seq", {"session_seq": None}),
        ({"session_seq": True}, "invalid_value", "session_seq", {"session_seq": None}),
        ({"session_seq": "first"}, "invalid_value", "session_seq", {"session_seq": None}),
        ({"duration_ms": -0.4}, "invalid_value", "duration_ms", {"duration_ms": None}),
        ({"duration_ms": "-1"}, "invalid_value", "duration_ms", {"duration_ms": None}),
        ({"duration_ms": "1e3"}, "invalid_value", "duration_ms", {"duration_ms": None}),
        ({"duration_ms": True}, "invalid_value", "duration_ms", {"duration_ms": None}),
        ({"duration_ms": 315_360_000_001}, "invalid_value", "duration_ms", {"duration_ms": None}),
        ({"metadata": [1]}, "invalid_value", "metadata", {"event_metadata": '{"value":[1]}'}),
        ({"metadata": 5}, "invalid_value", "metadata", {"event_metadata": '{"value":5}'}),
        ({"metadata": "hi"}, "invalid_value", "metadata", {"event_metadata": '{"value":"hi"}'}),
        ({"metadata": '{"a": 1}'}, "invalid_value", "metadata", {"event_metadata": '{"a":1}'}),
        ({"metadata": "{a"}, "invalid_value", "metadata", {"event_metadata": '{"value":"{a"}'}),
        (
            {"metadata": {"a": 1, "c": 3}, "event_metadata": {"a": 2, "b": 2}},
            "invalid_value",
            "event_metadata",
            {"event_metadata": '{"a":1,"b":2,"c":3}'},
        ),
        (
            {"context_snapshot": False},
            "invalid_value",
            "context_snapshot",
            {"context_snapshot": '{"value":false}'},
        ),
    ],
)
def test_an_optional_field_that_is_wrong_costs_itself_alone(
    fields: dict[str, object], code: str, field: str, kept_as: dict[str, object]
) -> None:
    row = kept(**fields)
    assert [(each.code, each.field) for each in row.warnings] == [(code, field)]
    assert {name: getattr(row, name) for name in kept_as} == kept_as


@pytest.mark.fault("N13")
def test_a_warning_says_what_was_wrong_and_that_the_field_is_left_out() -> None:
    assert kept(entity_id=NAME_129).warnings == (
        Warn("too_long", "entity_id", "String should have at most 128 characters; ignored"),
    )


@pytest.mark.fault("N13")
@pytest.mark.parametrize(
    "spelling",
    [
        "urn:uuid:01a1f8b8-73ba-7abc-8def-0123456789ab",
        "{01a1f8b8-73ba-7abc-8def-0123456789ab}",
        "01A1F8B8-73BA-7ABC-8DEF-0123456789AB",
        "01a1f8b873ba7abc8def0123456789ab",
        " 01a1f8b8-73ba-7abc-8def-0123456789ab\n",
        "URN:UUID:01A1F8B873BA7ABC8DEF0123456789AB",
    ],
)
def test_an_id_in_another_spelling_is_the_same_id(spelling: str) -> None:
    row = kept(event_id=spelling)
    assert (str(row.event_id), row.warnings) == (EVENT_ID, ())


@pytest.mark.fault("N13")
@pytest.mark.parametrize(
    ("given", "event_id"),
    [
        # UUIDv5 of the text in the namespace 6f0c2f0e-7b1d-5d0a-9a55-0f5f6c1e9b31
        ("abc", str(uuid5(UUID("6f0c2f0e-7b1d-5d0a-9a55-0f5f6c1e9b31"), "abc"))),
        (" abc ", str(uuid5(UUID("6f0c2f0e-7b1d-5d0a-9a55-0f5f6c1e9b31"), "abc"))),
        ("ABC", str(uuid5(UUID("6f0c2f0e-7b1d-5d0a-9a55-0f5f6c1e9b31"), "ABC"))),
        (17, "e3d90584-7be9-5ca6-9419-4862650ca6b9"),
        ("17", "e3d90584-7be9-5ca6-9419-4862650ca6b9"),
        (17.0, "e3d90584-7be9-5ca6-9419-4862650ca6b9"),
        ("x" * 100_000, str(uuid5(UUID("6f0c2f0e-7b1d-5d0a-9a55-0f5f6c1e9b31"), "x" * 100_000))),
    ],
)
def test_an_id_that_is_no_uuid_is_hashed_to_one(given: object, event_id: str) -> None:
    row = kept(event_id=given)
    assert str(row.event_id) == event_id
    assert row.event_id.version == 5
    assert [(each.code, each.field) for each in row.warnings] == [("hashed_id", "event_id")]


@pytest.mark.fault("A3")
def test_an_id_is_never_altered() -> None:
    """Two that are cut differently stay two, and the same one stays the same."""
    ids = [r'"a\ud83d"', r'"a\ud83e"', r'"a\u0000"', r'"a"', r'"a\ud83d"']
    found = prepared(raw_events(*(f'{{"event_type":"a","event_id":{each}}}' for each in ids)))
    event_ids = [row.event_id for row in found.rows]
    assert len(set(event_ids)) == 4
    assert event_ids[0] == event_ids[4]
    assert [row.warnings[0].code for row in found.rows] == ["hashed_id"] * 5


@pytest.mark.fault("N13")
@pytest.mark.parametrize("event_id", ["", " ", None])
def test_an_empty_id_is_none(event_id: object) -> None:
    row = kept(event_id=event_id)
    assert [(each.code, each.field) for each in row.warnings] == [("not_retry_safe", "event_id")]
    assert row.event_id.version == 7


@pytest.mark.fault("N13")
@pytest.mark.parametrize("event_id", [True, 1.5, ["a"], {}])
def test_an_id_that_is_no_text_is_left_out(event_id: object) -> None:
    assert [each.code for each in kept(event_id=event_id).warnings] == [
        "invalid_value",
        "not_retry_safe",
    ]


def raw_events(*events: str) -> bytes:
    return f'{{"user_email":"ada@example.com","events":[{",".join(events)}]}}'.encode()


@pytest.mark.fault("A3")
@pytest.mark.parametrize(
    ("fields", "code", "field", "kept_as"),
    [
        (r'"metadata":{"n":NaN}', "not_a_number", "metadata.n", '{"n":null}'),
        (r'"metadata":{"n":[-Infinity,1]}', "not_a_number", "metadata.n[0]", '{"n":[null,1]}'),
        (r'"metadata":{"n":1e400}', "number_out_of_range", "metadata.n", '{"n":null}'),
        (f'"metadata":{{"n":{"9" * 5000}}}', "number_out_of_range", "metadata.n", '{"n":null}'),
        (r'"metadata":{"m":{"k":1,"k":2}}', "duplicate_key", "metadata.m", '{"m":{"k":2}}'),
        (r'"metadata":{"t":"Plan \ud83d"}', "replaced_text", "metadata.t", '{"t":"Plan \ufffd"}'),
        (r'"metadata":{"t":"\u0000"}', "replaced_text", "metadata.t", '{"t":"\ufffd"}'),
        (r'"metadata":{"k\udc00":1}', "replaced_text", "metadata", '{"k\ufffd":1}'),
        (r'"device_type":"a\ud83d"', "replaced_text", "device_type", "{}"),
        (r'"duration_ms":1e400', "number_out_of_range", "duration_ms", "{}"),
        (r'"session_seq":NaN', "not_a_number", "session_seq", "{}"),
        (r'"session_id":"s\u0000"', "invalid_text", "session_id", "{}"),
        (r'"entity_id":"\ud83d"', "invalid_text", "entity_id", "{}"),
        (r'"entity_id":"e","entity_id":"f"', "duplicate_key", "event", "{}"),
        (r'"colour":NaN', "unknown_field", "colour", "{}"),
        (r'"\ud800":1', "unknown_field", "\ufffd", "{}"),
    ],
)
def test_what_json_or_postgresql_cannot_carry_is_replaced(
    fields: str, code: str, field: str, kept_as: str
) -> None:
    found = prepared(
        raw_events(
            f'{{"event_type":"a","event_id":"{EVENT_ID}","event_timestamp":"{AT}",{fields}}}'
        )
    )
    assert found.rejections == []
    [row] = found.rows
    assert [(each.code, each.field) for each in row.warnings] == [(code, field)]
    assert row.event_metadata == kept_as


@pytest.mark.fault("A3")
@pytest.mark.parametrize(
    ("event_type", "kept_as", "warnings"),
    [
        (r"half \ud83d", "half \ufffd", ["replaced_text"]),
        (r"a\u0000b", "a\ufffdb", ["replaced_text"]),
        (r"a\tb", "a b", ["replaced_text"]),
        ("a\r\nb", "a b", ["replaced_text"]),
        (r"\ta b\n", "a b", []),
        (r"a\u007f\u0001b\ud800", "a b\ufffd", ["replaced_text", "replaced_text"]),
    ],
)
def test_characters_that_no_name_may_hold(
    event_type: str, kept_as: str, warnings: list[str]
) -> None:
    [row] = prepared(
        raw_events(
            f'{{"event_type":"{event_type}","event_id":"{EVENT_ID}","event_timestamp":"{AT}"}}'
        )
    ).rows
    assert row.event_type == kept_as
    assert [each.code for each in row.warnings] == warnings


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b'{"metadata":{}}', "missing_field", "event_type"),
        (b'{"event_type":NaN}', "not_a_number", "event_type"),
        (b"[]", "invalid_value", "event"),
        (b"null", "invalid_value", "event"),
        (b"NaN", "invalid_value", "event"),
        (b'{"event_type"', "invalid_json", "event"),
        (b"oops", "invalid_json", "event"),
    ],
)
def test_what_is_no_event(raw: bytes, code: str, field: str) -> None:
    good = b'{"event_type":"a"}'
    found = prepared(b'{"user_email":"ada@example.com","events":[%b,%b,%b]}' % (good, raw, good))
    assert [row.place for row in found.rows] == [0, 2]
    assert [(each.index, each.code, each.field) for each in found.rejections] == [(1, code, field)]


@pytest.mark.fault("A10")
def test_a_branch_that_is_too_deep_costs_itself_alone() -> None:
    [row] = prepared({"events": [event(metadata=NESTED_9)]}, json_depth_max=8).rows
    assert row.event_metadata == '{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":null}}}}}}}}'
    assert row.warnings == (
        Warn(
            "too_deep",
            "metadata.a.b.c.d.e.f.g.h",
            "is nested more than 8 levels deep; stored as null",
        ),
    )
    assert kept(metadata=NESTED_9).warnings == ()


@pytest.mark.fault("A10")
@pytest.mark.parametrize("levels", [33, 500, 2000, 100_000])
def test_an_event_of_thousands_of_levels_costs_its_branch(levels: int) -> None:
    good = f'{{"event_type":"a","event_id":"{EVENT_ID}","event_timestamp":"{AT}"}}'
    deep = good[:-1] + ',"metadata":{"k":1,"a":' + '{"a":' * levels + "1" + "}" * levels + "}}"
    found = prepared(raw_events(*[good] * 50, deep, *[good] * 50))
    assert found.rejections == []
    assert [row.place for row in found.rows if row.warnings] == [50]
    assert found.rows[50].event_metadata == '{"k":1,' + '"a":{' * 31 + '"a":null' + "}" * 32
    assert found.rows[50].warnings == (
        Warn(
            "too_deep", "metadata" + ".a" * 32, "is nested more than 32 levels deep; stored as null"
        ),
    )


@pytest.mark.fault("A3")
def test_the_warnings_of_an_event_have_a_bound() -> None:
    flat = event(metadata={"n": [{"a": {}}] * 30})
    [row] = prepared({"events": [flat]}, json_depth_max=3).rows
    assert [each.code for each in row.warnings] == ["too_deep"] * 20 + ["more_repairs"]
    assert row.warnings[-1].message == "10 more values were replaced"


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
    assert rejected(event_type="", event_id="x" * 100).event_id == "x" * 64
    assert rejected(event_type="", event_id=17).event_id is None
    assert rejected(event_type="", event_id="\u0000").event_id is None


def test_a_path_in_a_warning_has_a_bound() -> None:
    [warning] = kept(metadata={"k" * 500: "\u0000"}).warnings
    assert warning.field == "metadata." + "k" * 191
    assert len(warning.field) == 200


@pytest.mark.fault("R7")
def test_the_deepest_and_the_largest_that_are_kept() -> None:
    deepest: dict[str, object] = {}
    for _ in range(31):
        deepest = {"a": deepest}
    assert kept(metadata=deepest).warnings == ()
    assert [each.code for each in kept(metadata={"a": deepest}).warnings] == ["too_deep"]
    largest = '{"n":"' + "x" * (65_536 - 8) + '"}'
    row = kept(metadata={"n": "x" * (65_536 - 8)})
    assert row.event_metadata == largest
    assert rejected(metadata={"n": "x" * (65_536 - 7)}).code == "event_too_large"


def test_the_size_of_metadata_and_context_is_counted_together() -> None:
    half = {"n": "x" * 32_760}  # 32,768 bytes of JSON
    assert kept(metadata=half, context_snapshot=half).place == 0
    one_more = {"n": "x" * 32_761}
    verdict = rejected(metadata=half, context_snapshot=one_more)
    assert (verdict.code, verdict.field) == ("event_too_large", "context_snapshot")
    assert verdict.message == "the event has 65537 bytes of JSON; the limit is 65536"


def test_the_size_is_counted_in_bytes_of_utf_8() -> None:
    assert rejected(metadata={"n": "é" * 32_768}).code == "event_too_large"
    assert kept(metadata={"n": "é" * 32_764}).place == 0


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
    assert row.warnings[-1].message == "3 more unknown fields; ignored"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "invalid_envelope"),
        (b"3", "invalid_envelope"),
        (b"{}", "no_events"),
        (b'{"events":[]}', "no_events"),
        (b'{"events":{}}', "no_events"),
        (b'{"events":5,"events":{}}', "no_events"),
        (b"events", "invalid_json"),
        (b'{"events":', "invalid_json"),
    ],
)
def test_an_envelope_that_cannot_be_used(body: bytes, code: str) -> None:
    with pytest.raises(UnreadableBody) as caught:
        prepared(body)
    assert (caught.value.status, caught.value.code) == (400, code)


@pytest.mark.fault("N12")
@pytest.mark.parametrize(
    ("envelope", "code", "field"),
    [
        (r'"sent_at":"soon"', "invalid_value", "sent_at"),
        (r'"sent_at":1795174200', "invalid_value", "sent_at"),
        (r'"sent_at":1e400', "number_out_of_range", "sent_at"),
        (r'"sent_at":{}', "invalid_value", "sent_at"),
        (r'"sent_at":undefined', "invalid_json", "sent_at"),
        (r'"batch_id":7', "invalid_value", "batch_id"),
        (r'"batch_id":["a"]', "invalid_value", "batch_id"),
        (f'"batch_id":"{NAME_129}"', "too_long", "batch_id"),
        (r'"batch_id":"\u0000"', "invalid_text", "batch_id"),
        (r'"session_id":true', "invalid_value", "session_id"),
        (f'"session_id":"{NAME_129}"', "too_long", "session_id"),
        (r'"session_id":"\udc00"', "invalid_text", "session_id"),
        (r'"device_type":5', "invalid_value", "device_type"),
        (r'"device_type":"a\u0000"', "replaced_text", "device_type"),
        (r'"context_snapshot":5', "invalid_value", "context_snapshot"),
        (r'"context_snapshot":{"a":NaN}', "not_a_number", "context_snapshot.a"),
        (r'"context_snapshot":{"a":{"b":1,"b":2}}', "duplicate_key", "context_snapshot.a"),
        (
            f'"context_snapshot":{{"a":"{"x" * 65_536}"}}',
            "event_too_large",
            "context_snapshot",
        ),
        (
            '"context_snapshot":' + '{"a":' * 33 + "1" + "}" * 33,
            "too_deep",
            "context_snapshot" + ".a" * 32,
        ),
        (
            '"context_snapshot":' + '{"a":' * 3000 + "1" + "}" * 3000,
            "too_deep",
            "context_snapshot" + ".a" * 32,
        ),
        (r'"key":5', "invalid_value", "key"),
        (r'"other":NaN', "unknown_field", "other"),
        (r'"\ud800":1', "unknown_field", "\ufffd"),
        (r'"device_type":"a","device_type":"b"', "duplicate_key", "body"),
        (r"oops", "invalid_json", "body"),
    ],
)
def test_a_fault_of_the_envelope_costs_itself_alone(envelope: str, code: str, field: str) -> None:
    good = (
        f'{{"event_type":"a","event_id":"{EVENT_ID}","event_timestamp":"{AT}","user_email":"a@b"}}'
    )
    found = prepared(f'{{{envelope},"events":[{good}]}}'.encode())
    assert [(each.code, each.field) for each in found.warnings] == [(code, field)]
    assert [row.warnings for row in found.rows] == [()]
    assert found.rejections == []


@pytest.mark.fault("N12")
@pytest.mark.parametrize(
    "envelope",
    [{"sent_at": ""}, {"batch_id": ""}, {"session_id": ""}, {"device_type": " "}, {"key": ""}],
)
def test_what_is_empty_in_the_envelope_is_none(envelope: dict[str, object]) -> None:
    found = prepared({**envelope, "events": [event()]})
    assert (found.warnings, len(found.rows)) == ((), 1)
    assert UUID(found.batch_id).version == 7


@pytest.mark.fault("N12")
@pytest.mark.parametrize(
    ("email", "code"),
    [
        (r'"nobody"', "invalid_value"),
        (r"5", "invalid_value"),
        (r'"\u0000"', "invalid_text"),
        (f'"{"a" * 40_000}@b"', "invalid_value"),
        (r"NaN", "not_a_number"),
        (r"[]", "invalid_value"),
        (r'""', "missing_field"),
        (r"null", "missing_field"),
    ],
)
def test_a_wrong_user_of_a_batch_is_the_fault_of_events_without_an_own_one(
    email: str, code: str
) -> None:
    own = (
        f'{{"event_type":"a","user_email":"a@b","event_id":"{EVENT_ID}","event_timestamp":"{AT}"}}'
    )
    found = prepared(f'{{"user_email":{email},"events":[{{"event_type":"a"}},{own}]}}'.encode())
    assert [(row.place, row.user_email, row.warnings) for row in found.rows] == [(1, "a@b", ())]
    assert [(each.index, each.code, each.field) for each in found.rejections] == [
        (0, code, "user_email")
    ]


@pytest.mark.fault("N12")
def test_an_event_with_an_empty_user_is_its_batchs() -> None:
    found = prepared({"user_email": ADA, "events": [event(user_email=""), event(user_email=None)]})
    assert [row.user_email for row in found.rows] == [ADA, ADA]


@pytest.mark.fault("N12")
def test_the_events_of_both_lists_are_kept() -> None:
    found = prepared(
        b'{"user_email":"a@b","events":[{"event_type":"a"}],"events":[{"event_type":"b"}]}'
    )
    assert [row.event_type for row in found.rows] == ["a", "b"]
    assert [each.code for each in found.warnings] == ["duplicate_key"]


@pytest.mark.fault("N12")
def test_bytes_that_are_not_utf_8_are_replaced_where_they_stand() -> None:
    good = f'{{"event_type":"a","event_id":"{EVENT_ID}","event_timestamp":"{AT}"}}'.encode()
    bad = good[:-1] + b',"metadata":{"t":"caf\xe9","u":"\xe2\x82"}}'
    body = b'{"user_email":"ada@example.com","events":[%b,%b,%b]}' % (good, bad, good)
    found = prepared(body)
    assert [row.warnings == () for row in found.rows] == [True, False, True]
    assert found.rows[1].event_metadata == '{"t":"caf\ufffd","u":"\ufffd"}'
    assert [(each.code, each.field) for each in found.rows[1].warnings] == [
        ("replaced_text", "metadata.t"),
        ("replaced_text", "metadata.u"),
    ]


@pytest.mark.fault("N12")
def test_raw_control_characters_in_strings_are_taken() -> None:
    [row] = prepared(
        raw_events(
            f'{{"event_type":"a","event_id":"{EVENT_ID}","event_timestamp":"{AT}",'
            '"metadata":{"t":"a\tb\nc"}}'
        )
    ).rows
    assert (row.event_metadata, row.warnings) == ('{"t":"a\\tb\\nc"}', ())


@pytest.mark.fault("N12")
def test_a_body_that_was_cut_keeps_its_whole_events() -> None:
    body = raw_events('{"event_type":"a"}', '{"event_type":"b"}', '{"event_type":"c"}')
    found = prepared(body[: -len('type":"c"}]}')])
    assert [row.event_type for row in found.rows] == ["a", "b"]
    assert [(each.index, each.code, each.message) for each in found.rejections] == [
        (2, "invalid_json", "is not valid JSON: the body ends inside it")
    ]
    assert [(each.code, each.field) for each in found.warnings] == [("truncated_body", "body")]


def test_the_number_of_events_has_a_limit() -> None:
    assert len(prepared({"events": [event(), event()]}, batch_max_events=2).rows) == 2
    with pytest.raises(TooLarge) as caught:
        prepared({"events": [event()] * 3}, batch_max_events=2)
    assert caught.value.details == {"limit": "batch_max_events", "value": 2}


def test_a_batch_without_an_id_gets_one() -> None:
    assert UUID(prepared({"events": [event()]}).batch_id).version == 7


def test_a_verdict_says_what_was_wrong() -> None:
    assert rejected(event_timestamp="2026-11-20Tnoon:00Z") == EventResult(
        index=0,
        status="rejected",
        event_id=EVENT_ID,
        code="invalid_value",
        field="event_timestamp",
        message="must be a date and time, such as 2026-11-20T09:15:00Z",
    )
