"""Paths with a slash at their end too many, or too few: answered as the route that is meant.

To redirect would name a host and a scheme that the request only claims (behind a proxy that ends
TLS, `http:`), and would cost a body, or send a key in clear text.
"""

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

TRIED = "activity_events.other_path"


class EitherSlash:
    """The application's answer to a path that no route has."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._not_found: ASGIApp = router.not_found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if TRIED in scope:
            scope["path"] = scope.pop(TRIED)  # as it was asked for: the answer names it
        elif scope["type"] == "http" and scope["path"].strip("/"):
            path = scope[TRIED] = scope["path"]
            scope["path"] = path.removesuffix("/") if path.endswith("/") else f"{path}/"
            await self._router.app(scope, receive, send)
            return
        await self._not_found(scope, receive, send)
