"""The yardstick: the same endpoint as most teams write it first, on the same table.

Pydantic models, a user looked up, `session.add_all`, commit. Run as
`python -m benchmarks.add_all URL`, it listens on a free port of loopback and prints it.
"""

import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.database.engine import create_engine
from app.models import ActivityEvent, AppUser
from app.schemas.event_types import category_and_action
from app.settings import Settings


class Event(BaseModel):
    event_type: str
    event_id: UUID
    event_timestamp: datetime
    entity_type: str | None = None
    entity_id: str | None = None
    metadata: dict[str, Any] = {}
    session_seq: int | None = None
    duration_ms: int | None = None


class Batch(BaseModel):
    user_email: str
    session_id: str | None = None
    device_type: str | None = None
    context_snapshot: dict[str, Any] | None = None
    sent_at: datetime | None = None
    events: list[Event]


class Answer(BaseModel):
    accepted: int


def create_app(url: str) -> FastAPI:
    engine = create_engine(url, Settings(), server_settings={})
    sessions = async_sessionmaker(engine)
    app = FastAPI()

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            yield opened

    @app.post("/api/events/log/batch")
    async def log_batch(batch: Batch, db: Annotated[AsyncSession, Depends(session)]) -> Answer:
        await db.execute(insert(AppUser).values(email=batch.user_email).on_conflict_do_nothing())
        user_id = await db.scalar(select(AppUser.id).where(AppUser.email == batch.user_email))
        now = datetime.now(UTC)
        events = []
        for event in batch.events:
            category, action = category_and_action(event.event_type)
            events.append(
                ActivityEvent(
                    user_id=user_id,
                    event_timestamp=event.event_timestamp,
                    event_id=event.event_id,
                    event_type=event.event_type,
                    event_category=category,
                    event_action=action,
                    entity_type=event.entity_type,
                    entity_id=event.entity_id,
                    event_metadata=event.metadata,
                    session_id=batch.session_id,
                    session_seq=event.session_seq,
                    device_type=batch.device_type,
                    context_snapshot=batch.context_snapshot,
                    duration_ms=event.duration_ms,
                    received_at=now,
                )
            )
        db.add_all(events)
        await db.commit()
        return Answer(accepted=len(events))

    return app


def main() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        print(f"port {listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(create_app(sys.argv[1]), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
