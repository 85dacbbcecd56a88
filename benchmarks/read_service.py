"""The service with one more route, `/select-1`: one `SELECT 1` through the same HTTP stack.

`python -m benchmarks.read_service URL` prints its port and serves until it is stopped.
"""

import socket
import sys

import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from starlette.responses import Response

from app.dependencies import ServiceDep
from app.main import create_app
from app.routers.responses import JsonResponse
from app.server.connection_limits import ConnectionLimits
from app.server.http_protocol import connections
from app.server.serve import calm_collector
from app.settings import Settings


def application(url: str) -> FastAPI:
    app = create_app(Settings(retention_days=400, statement_timeout_ms=120_000), url)

    @app.get("/select-1")
    async def select_1(service: ServiceDep) -> Response:
        async with service.database.read() as session:
            return JsonResponse({"one": (await session.execute(text("SELECT 1"))).scalar_one()})

    return app


def main() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            application(sys.argv[1]),
            http=connections(ConnectionLimits()),
            log_level="warning",
            access_log=False,
        )
        calm_collector()
        print(f"port {listener.getsockname()[1]}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
