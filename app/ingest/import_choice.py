"""Choice of a mapping from a file's fields to an event's fields, by a sample of records."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from app.errors import InvalidRequest
from app.ingest.import_formats import (
    COMMON_NAMES,
    EMAIL_PATHS,
    KNOWN_FORMATS,
    USER_PATHS,
    KnownFormat,
    normalised,
)
from app.ingest.import_mapping import (
    FIELDS,
    METADATA_PREFIX,
    FieldMapping,
    Move,
    UserField,
)
from app.ingest.import_sample import Sample, sample_paths
from app.ingest.import_values import is_address, parse_object
from app.schemas.privacy_lines import PRIVACY_KINDS

NAMES_SHOWN = 30
LISTS = ("events", "batch", "data", "results")  # of one object around all events
NEEDED = ("user_email", "event_type", "event_timestamp")


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """Mapping options of the command line: `moves` are pairs of a path and a field.

    Several of them can be `user_email`: each record uses the first one that holds an address.
    """

    moves: tuple[tuple[str, str], ...] = ()
    user_domain: str | None = None
    rest_to_metadata: bool = False


def choose_mapping(
    records: Iterable[object], columns: Sequence[str] | None, options: MappingOptions
) -> FieldMapping:
    """Choose by name where that is unambiguous.

    Args:
        records: the first of the file, as they are.
        columns: the names in its header; None where each record has its own.

    Raises:
        InvalidRequest: it has no field for a user, a type or a time, or several; says what to do.
    """
    events = [
        {key: parse_object(value) for key, value in record.items()}
        for record in records
        if isinstance(record, dict) and record.get("kind") not in PRIVACY_KINDS
    ]
    if not events and columns is None:
        return FieldMapping(user_domain=options.user_domain)
    sample = sample_paths(events, columns)
    known = _known_format(sample)
    unseen = _unseen(sample, options, has_header=columns is not None)
    chosen = _explicit(sample, options)
    fixed = known.sources if known else {}
    for target, sources in fixed.items():
        path = next((found for name in sources if (found := sample.find(name))), None)
        if path is not None:
            chosen.setdefault(target, path)
    users = _choose_users(sample, known, options, columns)
    if users:
        chosen["user_email"] = users[0].source
    for target in sorted(FIELDS - chosen.keys() - fixed.keys()):
        path = target if target in sample.paths else sample.find(normalised(target))
        path = path or _common(sample, target, chosen)
        if path is not None and path not in chosen.values():
            chosen[target] = path
    left_out = {target for target in fixed if chosen.get(target) != target} & FIELDS
    if "metadata" in chosen and "event_metadata" in chosen:  # two names of one field
        del chosen["event_metadata"]
        left_out |= {"event_metadata"} - {chosen["metadata"]}
    _require_needed(sample, chosen, known, has_header=columns is not None)
    moves = tuple(
        Move(path, sample.paths[path], target)
        for target, path in chosen.items()
        if target != "user_email"
    )
    taken = {*chosen.values(), *(user.source for user in users)}
    # Also where --map names another field for the user.
    left_out_names = ({*left_out, "user_email"} & set(sample.names)) - taken
    is_own_user = [user.source for user in users] == ["user_email"]
    if known is None and is_own_user and all(move.source == move.target for move in moves):
        moves, users = (), ()  # they are events already
    return FieldMapping(
        known,
        moves,
        users,
        frozenset(left_out_names),
        options.user_domain,
        options.rest_to_metadata,
        unseen,
    )


def _known_format(sample: Sample) -> KnownFormat | None:
    for known in KNOWN_FORMATS:
        if any(sample.has_all(signature) for signature in known.signatures):
            return known
    return None


def _unseen(sample: Sample, options: MappingOptions, *, has_header: bool) -> frozenset[str]:
    """Sources of `--map` that the sample does not have. Later records may, but for a header."""
    unseen = {source for source, _ in options.moves if source not in sample.paths}
    for source in unseen:
        target = dict(options.moves)[source]
        is_reversed = source in FIELDS and target not in FIELDS and target in sample.paths
        if has_header and not is_reversed:
            raise InvalidRequest(
                f"--map {source}={target}: the file has no field "
                f"{source}{_close(source, list(sample.paths))}. Its fields are "
                f"{_shown(sample.names)}."
            )
        sample.paths[source] = tuple(source.split("."))
    return frozenset(unseen)


def _explicit(sample: Sample, options: MappingOptions) -> dict[str, str]:
    """The fields that `--map` names, but for the user's."""
    chosen: dict[str, str] = {}
    for source, target in options.moves:
        is_known = target in FIELDS or (
            target.startswith(METADATA_PREFIX) and target != METADATA_PREFIX
        )
        if not is_known:
            if source in FIELDS and target in sample.paths:
                raise InvalidRequest(
                    f"--map {source}={target}: the order is FIELD=EVENT_FIELD; use --map "
                    f"{target}={source}."
                )
            raise InvalidRequest(
                f"--map {source}={target}: {target} is not a field of an "
                f"event{_close(target, sorted(FIELDS))}. Event fields are "
                f"{', '.join(sorted(FIELDS))}, metadata.ANY."
            )
        if target == "user_email":
            continue
        if target in chosen:
            raise InvalidRequest(f"--map: {target} is set twice.")
        chosen[target] = source
    return chosen


def _common(sample: Sample, target: str, chosen: dict[str, str]) -> str | None:
    """Find a field by common names; fields that are already mapped don't count."""
    for tier in COMMON_NAMES.get(target, ()):
        paths = [path for name in tier if (path := sample.find(name))]
        paths = [path for path in paths if path not in chosen.values() and path not in FIELDS]
        if target in {"metadata", "context_snapshot"}:
            paths = [path for path in paths if _are_mostly(sample, path, dict | list)]
        elif target in {"session_id", "device_type"}:
            paths = [path for path in paths if _are_mostly(sample, path, str | int)]
        if len(paths) > 1 and target in NEEDED:
            raise InvalidRequest(
                f"Several fields could be {target}: {', '.join(paths)}. Choose one: --map "
                f"{paths[0]}={target}."
            )
        if len(paths) == 1:
            return paths[0]
    return None


def _are_mostly(sample: Sample, path: str, kind: Any) -> bool:
    """Whether no more than half of the values are of another kind."""
    values = [isinstance(value, kind) for value in sample.values(path)]
    return 2 * sum(values) >= len(values)


def _choose_users(
    sample: Sample,
    known: KnownFormat | None,
    options: MappingOptions,
    columns: Sequence[str] | None,
) -> tuple[UserField, ...]:
    """The fields that may name a record's user, the best first: those of `--map`, or all that are
    known.

    Raises:
        InvalidRequest: the sample has ids, no address, and there is no domain to make some.
    """
    explicit = [source for source, target in options.moves if target == "user_email"]
    if explicit:
        paths = list(dict.fromkeys(explicit))
    else:
        names = ("useremail", *EMAIL_PATHS, *USER_PATHS)
        found = [path for name in names for path in sample.find_all(name)]
        own = ["user_email"] if "user_email" in sample.paths else []
        paths = list(dict.fromkeys([*own, *found]))
    values = {
        path: [each for each in sample.values(path) if not isinstance(each, dict | list)]
        for path in paths
    }
    path = next((path for path in paths if values[path]), None)
    is_own = not explicit and "user_email" in paths
    is_of_ids = path is not None and not any(
        is_address(each) for path in paths for each in values[path]
    )
    if path is not None and is_of_ids and not options.user_domain and not is_own:
        example = str(values[path][0])[:64]
        raise InvalidRequest(
            f"The users of the file are in {path}, whose values are not email addresses (the "
            f"first is {example!r}). Users are identified by email address. Map the field that "
            "holds it, such as --map traits.email=user_email, or turn the ids into addresses: "
            f"--user-domain users.example.com turns {example} into {example}@users.example.com."
        )
    if paths and known is not None and not explicit:
        paths = _with_late(paths, sample, known, columns)
    return tuple(
        UserField(path, sample.paths[path], normalised(path) in EMAIL_PATHS) for path in paths
    )


def _with_late(
    paths: list[str], sample: Sample, known: KnownFormat, columns: Sequence[str] | None
) -> list[str]:
    """Add the product's own address fields, which only later records may have."""
    seen = {normalised(path) for path in paths}
    late = [path for path in known.emails if normalised(path) not in seen]
    for path in late:
        sample.paths[path] = tuple(path.split("."))
    if columns is not None:
        late = [path for path in late if sample.paths[path][0] in columns]
    ranks = {name: rank for rank, name in enumerate((*EMAIL_PATHS, *USER_PATHS))}
    return sorted([*paths, *late], key=lambda path: ranks.get(normalised(path), -1))


def _require_needed(
    sample: Sample, chosen: dict[str, str], known: KnownFormat | None, *, has_header: bool
) -> None:
    missing = [target for target in NEEDED if target not in chosen]
    if "event_type" in missing and known is not None and known.type_by_kind:
        missing.remove("event_type")
    if "event_timestamp" in missing and "event_id" in chosen:
        missing.remove("event_timestamp")  # a UUID version 7 says it
    if not missing:
        return
    taken = set(chosen.values())
    free = [name for name in sample.names if name not in taken]
    maps = " ".join(f"--map {_guess(target, free)}={target}" for target in missing)
    advice = f"Map the fields that have other names: {maps}."
    where = "Its header has" if has_header else "It has"
    for name in LISTS:
        if name in sample.paths and _are_mostly(sample, name, list):
            advice = f"Import the list inside: jq -c '.{name}[]' FILE | activity-events import -"
    raise InvalidRequest(
        f"The file has no field for {', '.join(missing)}. {where} {_shown(sample.names)}. "
        "Expected user_email, event_type, event_timestamp, and optionally event_id, metadata, "
        f"session_id, entity_type, entity_id, device_type, duration_ms. {advice}"
    )


def _guess(target: str, names: list[str]) -> str:
    words = target.split("_")
    alike = [name for name in names if any(word in name.lower() for word in words)]
    return (alike or get_close_matches(target, names, 1, 0.4) or ["FIELD"])[0]


def _close(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _shown(names: list[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
