"""All calls of the clients, as steps without I/O (see `activity_events.retry`)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from activity_events.errors import ActivityError, InvalidRequest, Json, TooLarge
from activity_events.events import Encoded, batch_body, batches, encode, single_body
from activity_events.queries import (
    PAGE_MAX_EVENTS,
    Context,
    Page,
    context_of,
    page_of,
    params_of,
)
from activity_events.results import EventResult, verdict_of, verdicts_of
from activity_events.retry import Backoff, Request, Steps, Tools, as_it_is, exchange, get, post

EVENTS = "/api/events"
INSIGHTS = "/api/insights"
STANDUP_TIMEOUT_SECONDS = 90.0  # a language model may write it


@dataclass(frozen=True, slots=True)
class Calls:
    """All calls. `backoff` applies while a caller waits."""

    tools: Tools
    backoff: Backoff

    def encoded(self, event: Mapping[str, object]) -> Encoded:
        return encode(event, self.tools.now())

    def log(self, event: Mapping[str, object]) -> Steps[EventResult]:
        encoded = self.encoded(event)

        def make() -> Request:
            return post(f"{EVENTS}/log", single_body(encoded, self.tools.now()))

        try:
            return (yield from exchange(make, verdict_of, self.tools, self.backoff))
        except ActivityError as error:
            error.events = [encoded.event]
            raise

    def log_batch(
        self, events: Iterable[Mapping[str, object]], *, own_clock: bool
    ) -> Steps[list[EventResult]]:
        """Log events in order. An event that can't be encoded as JSON is `rejected` here."""
        verdicts: dict[int, EventResult] = {}
        places: list[int] = []  # of those that can be sent

        def encoded() -> Iterator[Encoded]:
            for place, event in enumerate(events):
                try:
                    each = self.encoded(event)
                except InvalidRequest as error:
                    event_id = error.details["event_id"]
                    verdicts[place] = EventResult(
                        event_id, "rejected", error.code, "event", error.message
                    )
                else:
                    places.append(place)
                    yield each

        done = 0
        waiting = batches(encoded())
        for batch in waiting:
            try:
                some = yield from self.send(batch, self.backoff, own_clock=own_clock)
            except ActivityError as error:
                error.events = [each.event for each in batch]
                error.events += [each.event for more in waiting for each in more]
                error.verdicts = _in_order(verdicts)
                raise
            verdicts.update(zip(places[done : done + len(some)], some, strict=True))
            done += len(some)
        return _in_order(verdicts)

    def send(
        self, batch: list[Encoded], backoff: Backoff, *, own_clock: bool = True
    ) -> Steps[list[EventResult]]:
        """Send one batch, or its halves if it is too large, so that no event blocks another."""

        def make() -> Request:
            sent_at = self.tools.now() if own_clock else None
            return post(f"{EVENTS}/log/batch", batch_body(batch, sent_at))

        def read(body: Json) -> list[EventResult]:
            return verdicts_of(body, [each.event_id for each in batch])

        try:
            return (yield from exchange(make, read, self.tools, backoff))
        except TooLarge as error:
            if len(batch) == 1:
                return [
                    EventResult(batch[0].event_id, "rejected", error.code, "event", error.message)
                ]
        middle = len(batch) // 2
        first = yield from self.send(batch[:middle], backoff, own_clock=own_clock)
        return first + (yield from self.send(batch[middle:], backoff, own_clock=own_clock))

    def page(self, filters: Mapping[str, object]) -> Steps[Page]:
        request = get(f"{EVENTS}/", params_of(filters))
        return (yield from exchange(lambda: request, page_of, self.tools, self.backoff))

    def recent(self, limit: int, filters: Mapping[str, object]) -> Steps[list[Json]]:
        """Return that many events, from as many pages as needed."""
        events: list[Json] = []
        cursor: str | None = None
        while True:
            size = min(limit - len(events), PAGE_MAX_EVENTS)
            page = yield from self.page({**filters, "limit": size, "cursor": cursor})
            events += page.events
            cursor = page.next_cursor
            if cursor is None or len(events) >= limit:
                return events

    def analytics(self, filters: Mapping[str, object]) -> Steps[Json]:
        return self._ask(f"{EVENTS}/analytics", filters)

    def context(
        self, user_email: str, purpose: str, days: int | None, max_tokens: int, tz: str | None
    ) -> Steps[Context]:
        asked = {"purpose": purpose, "days": days, "max_tokens": max_tokens, "tz": tz}
        request = get(f"{INSIGHTS}/context", params_of({"user_email": user_email, **asked}))
        return (yield from exchange(lambda: request, context_of, self.tools, self.backoff))

    def patterns(self, user_email: str, days: int | None, tz: str | None) -> Steps[Json]:
        return self._ask(f"{INSIGHTS}/patterns", {"user_email": user_email, "days": days, "tz": tz})

    def next_actions(self, user_email: str, limit: int | None) -> Steps[Json]:
        return self._ask(f"{INSIGHTS}/next-actions", {"user_email": user_email, "limit": limit})

    def standup(self, user_email: str, days: int | None, tz: str | None) -> Steps[Json]:
        """Request a standup, without retry after a missing response: generation is expensive, and
        may still be running."""
        given = {"user_email": user_email, "days": days, "tz": tz}
        body = {name: value for name, value in given.items() if value is not None}
        request = post(
            f"{INSIGHTS}/standup",
            json.dumps(body).encode(),
            timeout_seconds=STANDUP_TIMEOUT_SECONDS,
        )
        return (
            yield from exchange(
                lambda: request, as_it_is, self.tools, self.backoff, repeatable=False
            )
        )

    def _ask(self, path: str, asked: Mapping[str, object]) -> Steps[Json]:
        request = get(path, params_of(asked))
        return (yield from exchange(lambda: request, as_it_is, self.tools, self.backoff))


def _in_order(verdicts: Mapping[int, EventResult]) -> list[EventResult]:
    return [verdicts[place] for place in sorted(verdicts)]
