"""Responses of the health checks."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.schemas.examples import AT
from app.schemas.responses import ApiModel, example


class LiveResponse(ApiModel):
    model_config = example(status="ok")

    status: Literal["ok"] = Field(description="Always `ok`.")


class IngestStatsOut(ApiModel):
    """Counters of this process since its start."""

    groups: int = Field(description="Number of groups of requests, each in one transaction.")
    requests: int = Field(description="Number of requests in these groups.")
    events: int = Field(description="Number of events in these requests.")


class RetentionStateOut(ApiModel):
    last_success_at: datetime | None = Field(
        description="Time at which retention last ran successfully."
    )
    oldest_event_at: datetime | None = Field(description="Time of the oldest event.")
    overdue: bool = Field(
        description="True if retention has not run for two days, or left expired events behind."
    )


class UnfinishedOut(ApiModel):
    """Erasures and opt-outs that were interrupted. The service completes them within minutes;
    repeating the request completes them immediately."""

    erasures: int = Field(description="Number of unfinished erasures.")
    opt_outs: int = Field(description="Number of unfinished opt-outs.")
    oldest_erasure_at: datetime | None = Field(
        description="Time at which the oldest unfinished erasure was requested."
    )


class ReplicaOut(ApiModel):
    state: Literal["exact", "behind", "late", "lagging", "foreign", "unreachable"] = Field(
        description="`exact`: up to date. `behind`: slightly behind, but usable. `late`: misses a "
        "write that a reader must see. `lagging`: too far behind to be used. `foreign`: not a "
        "replica of this database. `unreachable`: cannot be connected to."
    )
    lag_seconds: float | None = Field(
        description="Upper bound of the replication lag in seconds; null if unknown."
    )


class ReadyResponse(ApiModel):
    model_config = example(
        status="ok",
        migration="0004",
        ingest={"groups": 10, "requests": 40, "events": 200},
        retention={"last_success_at": AT, "oldest_event_at": AT, "overdue": False},
        unfinished={"erasures": 0, "opt_outs": 0, "oldest_erasure_at": None},
        replica={"state": "exact", "lag_seconds": 0.0},
        version="0.2.0",
        commit="8dd26473a0717d5b7f4c1fd2fe1d1a8a3e5b6c90",
    )

    status: Literal["ok"] = Field(description="Always `ok`; otherwise the status code is 503.")
    migration: str = Field(description="Migration that the database is at.")
    ingest: IngestStatsOut = Field(description="Counters of the ingest queue.")
    retention: RetentionStateOut = Field(description="State of the deletion of old events.")
    unfinished: UnfinishedOut = Field(description="Interrupted erasures and opt-outs.")
    replica: ReplicaOut | None = Field(
        description="State of the read replica; null if none is configured."
    )
    version: str = Field(description="Version of the service.")
    commit: str = Field(description="Commit that the service was built from, or `unknown`.")
