"""The fields of other products' exports, and names that are common in tables of events.

Names are compared without case, spaces, hyphens and underscores: `messageId` is `message_id`.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

# `s_or_ms`: of a product that documents both; they are told apart by their size.
TimeUnit = Literal["s", "ms", "us", "ns"]
FileTimeUnit = TimeUnit | Literal["s_or_ms"]

Sources = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """The export format of a product.

    A file has this format if it has all paths of one of the `signatures`. `sources` lists for each
    field of an event the paths that can hold it, best first. `type_by_kind` gives the type of
    events without one, by the record's `type`; records of `no_events` are only about users.
    `emails` are fields that hold a user's address in some records, which may come late in the file.
    `ignored` explains fields that share the name of an event's field, but have another meaning.
    """

    name: str
    signatures: tuple[tuple[str, ...], ...]
    sources: Sources
    time_unit: FileTimeUnit | None = None
    type_by_kind: dict[str, str] = field(default_factory=dict)
    no_events: frozenset[str] = frozenset()
    null_session: int | None = None
    emails: tuple[str, ...] = ()
    ignored: dict[str, str] = field(default_factory=dict)


KNOWN_FORMATS = (
    KnownFormat(
        "Mixpanel",
        (("event", "properties.distinctid", "properties.time"),),
        {
            "event_type": ("event",),
            "event_timestamp": ("properties.time",),
            "event_id": ("properties.$insertid",),
            "metadata": ("properties",),
        },
        # https://docs.mixpanel.com: "in seconds or milliseconds since UTC epoch"
        time_unit="s_or_ms",
        emails=("properties.$email",),
    ),
    KnownFormat(
        "PostHog",
        (("event", "distinctid"),),
        {
            "event_type": ("event",),
            "event_timestamp": ("timestamp",),
            "event_id": ("uuid", "id"),
            "metadata": ("properties",),
            "session_id": ("properties.$sessionid",),
            "device_type": ("properties.$devicetype",),
        },
        emails=("properties.$set.email", "person.properties.email"),
    ),
    KnownFormat(
        "Amplitude",
        (
            ("eventtype", "eventproperties"),
            ("eventtype", "amplitudeid"),
            ("eventtype", "eventtime", "insertid"),
        ),
        {
            "event_type": ("eventtype",),
            "event_timestamp": ("eventtime", "clienteventtime", "time"),
            "event_id": ("$insertid", "insertid", "uuid"),
            "metadata": ("eventproperties",),
            "session_id": ("sessionid",),
            "device_type": ("devicetype",),
        },
        time_unit="ms",  # of `time`, as their HTTP API takes it; exports have text
        null_session=-1,
        emails=("user_properties.email",),
        ignored={"event_id": "it is a counter per device"},
    ),
    KnownFormat(
        "Google Analytics 4",
        tuple(
            ("eventname", "eventtimestamp", other)
            for other in ("eventparams", "userpseudoid", "eventdate", "userid")
        ),
        {
            "event_type": ("eventname",),
            "event_timestamp": ("eventtimestamp",),
            "metadata": ("eventparams",),
            "device_type": ("device.category",),
        },
        time_unit="us",
    ),
    KnownFormat(
        "Snowplow",
        (("eventname", "derivedtstamp"), ("eventname", "collectortstamp")),
        {
            "event_type": ("eventname",),
            "event_timestamp": ("derivedtstamp", "dvcecreatedtstamp", "collectortstamp"),
            "event_id": ("eventid",),
            "session_id": ("domainsessionid",),
            "device_type": ("dvcetype",),
        },
    ),
    KnownFormat(
        "Segment",
        (
            ("messageid", "userid"),
            ("messageid", "anonymousid"),
            ("anonymousid", "event"),
            ("userid", "event", "originaltimestamp"),
        ),
        {
            "event_type": ("event",),
            "event_timestamp": ("timestamp", "originaltimestamp", "sentat"),
            "event_id": ("messageid", "id"),
            "metadata": ("properties",),
            "context_snapshot": ("context",),
            "device_type": ("context.device.type",),
        },
        type_by_kind={"page": "page_viewed", "screen": "screen_viewed"},
        no_events=frozenset({"identify", "group", "alias"}),
        emails=("context.traits.email", "traits.email"),
    ),
)

# Without a product: for each field, names by tiers. A tier with two of them is ambiguous.
COMMON_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "event_type": (("event", "eventname"), ("action", "activity"), ("type",)),
    "event_timestamp": (
        ("timestamp", "eventtime", "occurredat", "time", "ts"),
        ("createdat", "datetime", "date"),
    ),
    "event_id": (("messageid", "insertid", "$insertid", "uuid", "eventuuid"),),
    "metadata": (("properties", "eventproperties", "props"), ("attributes", "data", "payload")),
    "context_snapshot": (("context",),),
    "session_id": (("session",),),
    "device_type": (("device",),),
}

# Where the user's address may be, and then the ids that are addresses in some products.
EMAIL_PATHS = (
    "email",
    "emailaddress",
    "context.traits.email",
    "traits.email",
    "user.email",
    "userproperties.email",
    "properties.$email",
    "properties.$set.email",
    "person.properties.email",
)
USER_PATHS = (
    "userid",
    "user",
    "username",
    "distinctid",
    "properties.distinctid",
    "properties.$userid",
    "customerid",
)

_FILLERS = re.compile(r"[ _-]+")


def normalised(path: str) -> str:
    """A name as it is compared."""
    return _FILLERS.sub("", path).lower()
