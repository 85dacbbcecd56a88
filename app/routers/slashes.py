"""Accept paths with a superfluous or missing trailing slash.

A redirect would have to name the host and scheme that the request claims (`http:` behind a proxy
that terminates TLS), and would lose the body or send a key in clear text.
"""

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

TRIED = "activity_events.other_path"


class EitherSlash:
    """Handles paths that match no route: tries them with, or without, a trailing slash."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._not_found: ASGIApp = router.not_found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if TRIED in scope:
            scope["path"] = scope.pop(TRIED)  # the error names the requested path
        elif scope["type"] == "http" and scope["path"].strip("/"):
            path = scope[TRIED] = scope["path"]
            scope["path"] = path.removesuffix("/") if path.endswith("/") else f"{path}/"
            await self._router.app(scope, receive, send)
            return
        await self._not_found(scope, receive, send)
