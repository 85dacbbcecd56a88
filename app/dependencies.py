"""Dependencies of routes. The only module that uses `Depends`."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from app.auth.admission import Admission
from app.auth.authenticate import Authenticator
from app.auth.principal import Principal
from app.auth.rates import Rates
from app.background.gauges import Gauges
from app.background.readiness import Readiness
from app.database.sessions import Database, Reads
from app.database.slots import Slots
from app.errors import InvalidRequest
from app.ingest.body import BodyLimits
from app.ingest.body_budget import BodyBudget
from app.ingest.writer import GroupWriter
from app.insights.generation.llm import Generator
from app.insights.prediction.model_cache import PopulationModelCache
from app.replica.reads import POSITION_HEADER, Replicas
from app.schemas.names import NAME_MAX_CHARS
from app.schemas.queries import VALUES_MAX, EventQuery
from app.settings import Settings
from app.stream.feed import Feed

PARAMETERS_MAX = 100  # different ones: more than any route has
# These may be repeated, and then mean any-of. Of all others a second value would be lost.
REPEATABLE = frozenset(
    name for name, field in EventQuery.model_fields.items() if field.default_factory is list
) | {"step"}


@dataclass(frozen=True, slots=True)
class Service:
    """The objects that one application holds while it runs."""

    settings: Settings
    database: Database
    replicas: Replicas
    writer: GroupWriter
    bodies: BodyBudget
    body_limits: BodyLimits
    beacon_limits: BodyLimits
    auth: Authenticator
    rates: Rates
    exports: Slots
    feed: Feed
    gauges: Gauges
    readiness: Readiness
    population: PopulationModelCache
    generator: Generator | None


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def database_of(request: Request) -> Database:
    """Return the database, within the share of the admitted caller."""
    return service_of(request).database.of(principal_of(request).sharer)


def reads_of(request: Request) -> Reads:
    """Return the reads of the admitted caller; they show what this caller has written."""
    return service_of(request).replicas.reads(
        principal_of(request).caller, request.headers.get(POSITION_HEADER), database_of(request)
    )


def _settings(request: Request) -> Settings:
    return service_of(request).settings


def _generator(request: Request) -> Generator | None:
    generator = service_of(request).generator
    return None if generator is None else generator.of(principal_of(request).sharer)


def now_of(request: Request) -> datetime:
    """The present, by the application's clock."""
    now: datetime = request.app.state.clock()
    return now


def admission_of(request: Request) -> Admission:
    """Return the admission of the caller."""
    admission: Admission = request.scope["admission"]
    return admission


def principal_of(request: Request) -> Principal:
    """Return the admitted caller (`app.routers.access`)."""
    principal: Principal = request.scope["principal"]
    return principal


def _no_repeats(request: Request) -> None:
    names = Counter(name for name, _ in request.query_params.multi_items())
    if len(names) > PARAMETERS_MAX:
        raise InvalidRequest(
            f"The request can have at most {PARAMETERS_MAX} parameters (got {len(names)})."
        )
    for name, count in names.items():
        if count > VALUES_MAX and name in REPEATABLE:
            raise InvalidRequest.of(name, f"must have at most {VALUES_MAX} values (got {count})")
        if count > 1 and name not in REPEATABLE:
            raise InvalidRequest.of(name[:NAME_MAX_CHARS], "must not be repeated")


ServiceDep = Annotated[Service, Depends(service_of)]
ReadsDep = Annotated[Reads, Depends(reads_of)]
DatabaseDep = Annotated[Database, Depends(database_of)]
SettingsDep = Annotated[Settings, Depends(_settings)]
GeneratorDep = Annotated[Generator | None, Depends(_generator)]
AdmissionDep = Annotated[Admission, Depends(admission_of)]
PrincipalDep = Annotated[Principal, Depends(principal_of)]
NowDep = Annotated[datetime, Depends(now_of)]
NoRepeats = Depends(_no_repeats)
