"""An event as a client sends it. Typed dicts, as pydantic validates them fastest.

Validated in JSON mode and strictly: a number is no string, and a time is ISO 8601 text, so that
nobody's epoch seconds are guessed to be milliseconds.
"""

from datetime import datetime
from typing import Annotated, Any, Required
from uuid import UUID

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    with_config,
)
from typing_extensions import TypedDict

from app.schemas.email import EmailAddress
from app.schemas.instant import instant_fault
from app.schemas.names import NAME_MAX_CHARS

BATCH_EVENTS_MAX = 1000  # of any setting
INT4_MAX = 2**31 - 1
DATE_AND_TIME_MIN_CHARS = len("2026-11-20T09:15")
DURATION_MAX_MS = 10 * 365 * 24 * 3600 * 1000

# Not yet in its normal form, which Python would have to make of each: `app.schemas.names` does it
# once it is known that a body holds more than ASCII.
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=NAME_MAX_CHARS,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]*$",
    ),
]
# Frontends often have numbers for ids: `entityId: 42` is kept as "42".
EntityId = Name | Annotated[int, Field(gt=-(10 ** (NAME_MAX_CHARS - 1)), lt=10**NAME_MAX_CHARS)]


def _not_digits(value: object) -> object:
    """pydantic takes digits for seconds or milliseconds, whichever it guesses, and bare dates.

    What it does not read itself, `with_plain_times` has rewritten for the careful reader.
    """
    if not isinstance(value, str) or value[4:5] != "-" or len(value) < DATE_AND_TIME_MIN_CHARS:
        raise ValueError(instant_fault(value))
    return value


Instant = Annotated[datetime, Strict(False), BeforeValidator(_not_digits)]
STRICT = ConfigDict(strict=True)
JsonObject = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]


BeaconKey = Annotated[
    str | None,
    Field(
        max_length=512,
        description="A write key, for a beacon (`text/plain`), which can't have headers.",
    ),
]


@with_config(STRICT)
class EventIn(TypedDict, total=False):
    """One thing that a user did. An optional field that is wrong is left out, with a warning."""

    event_type: Required[
        Annotated[
            Name,
            Field(description="What happened: `project_created`.", examples=["project_created"]),
        ]
    ]
    event_id: Annotated[
        UUID | None,
        Field(
            description="Made by the client, best a UUIDv7. A retry repeats it, and is then known "
            "as a `duplicate`. Without one, a retry counts twice. Other text is hashed to a UUID.",
            examples=["0199f7f2-5c00-7a3b-8f10-3a5d0c2b7e11"],
        ),
    ]
    event_timestamp: Annotated[
        Instant | None,
        Field(
            description="When it happened, RFC 3339 or ISO 8601 with offset; without offset it is "
            "taken as UTC. Events of one moment are in the order of their `session_seq`, then of "
            "their batch. Fixed once: a retry repeats it.",
            examples=["2026-11-20T09:15:00.250Z"],
        ),
    ]
    user_email: Annotated[
        EmailAddress, Field(description="Who did it.", examples=["ada@example.com"])
    ]
    event_category: Annotated[
        Name | None, Field(description="By default the first word of the type.")
    ]
    event_action: Annotated[Name | None, Field(description="By default the last word of the type.")]
    entity_type: Annotated[Name | None, Field(examples=["project"])]
    entity_id: Annotated[EntityId | None, Field(examples=["42"])]
    metadata: Annotated[
        JsonObject | None,
        Field(
            description="Anything else, as a JSON object. What is nested deeper than "
            "`ACTIVITY_JSON_DEPTH_MAX` (32) becomes null, with a warning.",
            examples=[{"priority": "high"}],
        ),
    ]
    event_metadata: Annotated[JsonObject | None, Field(description="Another name of `metadata`.")]
    session_id: Annotated[EntityId | None, Field(examples=["s-7f3a"])]
    session_seq: Annotated[
        int | None,
        Field(ge=0, le=INT4_MAX, description="The event's number in its session; gaps prove loss."),
    ]
    device_type: Annotated[Name | None, Field(examples=["desktop"])]
    context_snapshot: Annotated[
        JsonObject | None, Field(description="What was around it: route, viewport, open project.")
    ]
    duration_ms: Annotated[
        Annotated[float, Field(ge=0, le=DURATION_MAX_MS, allow_inf_nan=False)] | None,
        Field(description="How long it took, in milliseconds; rounded to a whole one."),
    ]


@with_config(STRICT)
class SingleIn(EventIn, total=False):
    """The body of `POST /api/events/log`: one event, and when it was sent."""

    user_email: Required[Annotated[EmailAddress, Field(examples=["ada@example.com"])]]  # type: ignore[misc]  # no envelope has it
    sent_at: Annotated[
        Instant | None, Field(description="The client's clock as it sends; new at every attempt.")
    ]
    key: BeaconKey


@with_config(STRICT)
class EnvelopeIn(TypedDict, total=False):
    """What a batch says of itself, and short defaults for its events."""

    batch_id: Annotated[Name | None, Field(description="Echoed in the answer.")]
    key: BeaconKey
    sent_at: Annotated[
        Instant | None,
        Field(
            description="The client's clock as it sends, stamped anew at every attempt; shows a "
            "wrong clock, which is then corrected."
        ),
    ]

    session_id: EntityId | None
    device_type: Name | None


@with_config(STRICT)
class BatchIn(EnvelopeIn, total=False):
    """The body of `POST /api/events/log/batch`."""

    user_email: Annotated[EmailAddress, Field(examples=["ada@example.com"])]
    context_snapshot: JsonObject | None
    events: Required[Annotated[list[EventIn], Field(min_length=1, max_length=BATCH_EVENTS_MAX)]]


EVENT_ADAPTER: TypeAdapter[EventIn] = TypeAdapter(EventIn)
ENVELOPE_ADAPTER: TypeAdapter[EnvelopeIn] = TypeAdapter(EnvelopeIn)
BATCH_ADAPTER: TypeAdapter[BatchIn] = TypeAdapter(BatchIn)
SINGLE_ADAPTER: TypeAdapter[SingleIn] = TypeAdapter(SingleIn)

EVENT_FIELDS = frozenset(EventIn.__annotations__)
# Fields of a batch's body that stand for the same field of each event which has none of its own.
DEFAULT_FIELDS = frozenset(BatchIn.__annotations__) & EVENT_FIELDS
BATCH_FIELDS = frozenset(BatchIn.__annotations__)
