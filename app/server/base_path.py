"""The service below a path of a host that it shares (`ACTIVITY_BASE_PATH`)."""

from starlette.types import ASGIApp, Receive, Scope, Send


class BasePath:
    """Remove the base path from a request's path, unless the proxy has removed it already."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path
        self._raw_path = path.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self._path}/"):
            scope["path"] = scope["path"].removeprefix(self._path) or "/"
            raw_path = scope.get("raw_path") or b""
            scope["raw_path"] = raw_path.removeprefix(self._raw_path) or b"/"
        await self._app(scope, receive, send)
