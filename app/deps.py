"""What routes are given. The only home of `Depends`."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from app.auth.authenticate import Authenticator
from app.auth.principal import Principal
from app.auth.rates import Rates
from app.db import Database, Reads
from app.errors import InvalidRequest
from app.gauges import Gauges
from app.ingest.writer import GroupWriter
from app.insights.current import CurrentEverybody
from app.insights.generate import Generator
from app.read.export import ExportSlots
from app.read.feed import Feed
from app.replica.reads import POSITION_HEADER, Replicas
from app.schemas.queries import EventQuery
from app.settings import Settings

# These may be repeated, and then mean any-of. Of all others a second value would be lost.
REPEATABLE = frozenset(
    name for name, field in EventQuery.model_fields.items() if field.default_factory is list
) | {"step"}


@dataclass(frozen=True, slots=True)
class Service:
    """What one application holds for as long as it runs."""

    settings: Settings
    database: Database
    replicas: Replicas
    writer: GroupWriter
    auth: Authenticator
    rates: Rates
    exports: ExportSlots
    feed: Feed
    gauges: Gauges
    everybody: CurrentEverybody
    generator: Generator | None
    head_revision: str


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _database(request: Request) -> Database:
    return service_of(request).database


def reads_of(request: Request) -> Reads:
    """The reads of whoever was let in; they show what this caller has written."""
    return service_of(request).replicas.reads(
        principal_of(request).caller, request.headers.get(POSITION_HEADER)
    )


def _settings(request: Request) -> Settings:
    return service_of(request).settings


def _generator(request: Request) -> Generator | None:
    return service_of(request).generator


def now_of(request: Request) -> datetime:
    """The present, by the application's clock."""
    now: datetime = request.app.state.clock()
    return now


def principal_of(request: Request) -> Principal:
    """Who was let in (`app.routers.access`)."""
    principal: Principal = request.scope["principal"]
    return principal


def _no_repeats(request: Request) -> None:
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if count > 1 and name not in REPEATABLE:
            raise InvalidRequest.of(name, "is given more than once")


ServiceDep = Annotated[Service, Depends(service_of)]
ReadsDep = Annotated[Reads, Depends(reads_of)]
DatabaseDep = Annotated[Database, Depends(_database)]
SettingsDep = Annotated[Settings, Depends(_settings)]
GeneratorDep = Annotated[Generator | None, Depends(_generator)]
PrincipalDep = Annotated[Principal, Depends(principal_of)]
NowDep = Annotated[datetime, Depends(now_of)]
NoRepeats = Depends(_no_repeats)
