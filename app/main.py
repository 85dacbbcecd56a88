"""The application: `create_app(settings)`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime

from fastapi import FastAPI
from starlette.middleware import Middleware

from app import __version__
from app.auth.authenticate import Authenticator
from app.auth.rates import Rates
from app.background.gauges import Gauges
from app.background.readiness import Readiness
from app.background.tasks import BackgroundTasks
from app.database.sessions import Database
from app.database.slots import Slots
from app.dependencies import Service
from app.ingest.body import BodyLimits
from app.ingest.body_budget import BodyBudget
from app.ingest.writer import GroupWriter
from app.insights.generation.llm import generator_of
from app.insights.prediction.model_cache import PopulationModelCache
from app.mcp import endpoint as mcp
from app.mcp.endpoint import McpService
from app.observability.request_log import Watch
from app.replica.reads import Replicas
from app.routers import (
    analytics,
    batch,
    cleanup,
    clients,
    docs,
    export,
    generate,
    health,
    insights,
    log,
    metrics,
    pages,
    privacy,
    privacy_export,
    query,
    session,
    stream,
    success,
    tracker,
)
from app.routers.access import GuardedRoute
from app.routers.ingest_body import IngestRoute
from app.routers.openapi import add_openapi, operation_id
from app.routers.responses import install_error_handlers
from app.routers.slashes import EitherSlash
from app.server.base_path import BasePath
from app.server.middleware import Cors, EdgeMiddleware, Gzip
from app.settings import Settings
from app.stream.feed import Feed


def create_app(settings: Settings, database_url: str) -> FastAPI:
    """The service on a migrated database; connects when it starts, and again when it must."""

    rates = Rates(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        generator = generator_of(settings)
        database = Database(database_url, settings)
        replicas = Replicas(database, settings)
        writer = GroupWriter(database, settings)
        writer.start()
        feed = Feed(database, settings)
        gauges = Gauges(database, settings, writer, feed)
        population = PopulationModelCache(replicas.reads())
        auth = Authenticator(settings, database)
        auth.start()
        readiness = Readiness(database, replicas, writer, settings)
        app.state.service = Service(
            settings=settings,
            database=database,
            replicas=replicas,
            writer=writer,
            bodies=BodyBudget(settings.bodies_max_bytes),
            body_limits=BodyLimits.of(settings),
            beacon_limits=BodyLimits.of_beacon(settings),
            exports=Slots("exports", "exports", settings.exports_max),
            feed=feed,
            gauges=gauges,
            readiness=readiness,
            population=population,
            generator=generator,
            auth=auth,
            rates=rates,
        )
        app.state.mcp = McpService(app)
        kept = [
            asyncio.create_task(BackgroundTasks(database, settings, app.state.clock).keep()),
            asyncio.create_task(gauges.keep()),
        ]
        try:
            async with nullcontext() if generator is None else generator.open():
                yield
        finally:
            for task in kept:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await app.state.mcp.close()
            await auth.close()
            await gauges.close()
            await readiness.close()
            await population.close()
            await feed.close()
            await writer.close()
            await replicas.dispose()
            await database.dispose()

    below = [Middleware(BasePath, path=settings.base_path)] if settings.base_path else []
    app = FastAPI(
        title="Activity events",
        version=__version__,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        servers=[{"url": settings.base_path}] if settings.base_path else None,
        middleware=[
            *below,
            Middleware(Watch, settings=settings),
            Middleware(EdgeMiddleware, settings=settings),
            Middleware(Cors, settings=settings),
            Middleware(Gzip),
        ],
        openapi_url=None,  # `app.routers.docs` answers with it
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.base_path = settings.base_path
    app.state.clock = lambda: datetime.now(UTC)
    install_error_handlers(app)
    # The words after /events/ before the list itself, which is the shortest path.
    for module in (log, batch):
        app.include_router(module.router, prefix="/api/events")
    for prefix in ("/api/events/analytics", "/api/reports"):
        # The second one is the dashboard's: ad blockers stop the first on any host.
        app.include_router(
            analytics.router, prefix=prefix, include_in_schema=prefix != "/api/reports"
        )
    for module in (session, stream, export, cleanup, query):
        app.include_router(module.router, prefix="/api/events")
    app.include_router(privacy.router)
    app.include_router(privacy_export.router, prefix="/api/privacy")
    app.include_router(insights.router)
    app.include_router(mcp.router)
    app.include_router(generate.router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(success.router)
    app.include_router(tracker.router)
    app.include_router(clients.router)
    _add_tracker_paths(app, settings)
    app.include_router(pages.router)
    if {"dashboard", "demo"} & set(settings.pages):
        app.mount("/assets", pages.Assets(), name="assets")
    if "docs" in settings.pages:
        app.mount("/docs/static", docs.DocsFiles(), name="docs-static")
        app.include_router(docs.router)
    app.router.default = EitherSlash(app.router)
    add_openapi(app)
    return app


def _add_tracker_paths(app: FastAPI, settings: Settings) -> None:
    """Serve the tracker's script and take its batches at the paths of the settings, too."""
    if settings.tracker_script_path:
        app.router.add_api_route(
            settings.tracker_script_path,
            tracker.tracker_script,
            include_in_schema=False,
            route_class_override=GuardedRoute,
        )
    if settings.tracker_batch_path:
        app.router.add_api_route(
            settings.tracker_batch_path,
            batch.log_batch,
            methods=["POST"],
            include_in_schema=False,
            route_class_override=IngestRoute,
        )
