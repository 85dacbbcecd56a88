"""Requests that local mode accepts: from programs of this machine and from the service's own pages;
not through a proxy, under another host name, or from another page.

Local mode gives full access to every caller. That is safe only while all callers are users of this
machine, so requests that could come on behalf of somebody else are rejected.
"""

import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from starlette.types import Scope

from app.errors import Forbidden

# Addresses and names that never lead to another machine (RFC 6761, 6.3).
LOOPBACK_HOST = re.compile(
    r"(localhost\.?|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?", re.IGNORECASE
)
# No data: a balancer's check names no host (HTTP/1.0), or one of its own.
HEALTH = "/health/"
# Pages of other origins load it on purpose; it holds no data.
SCRIPT = "/tracker.js"
# Links on other pages can lead here: these pages hold no data, and load theirs from their origin.
PAGES = re.compile(r"/|/(docs|dashboard|demo|clients)(/.*)?")
# What proxies, balancers, CDNs and tunnels add to the requests that they pass on.
FORWARDED = re.compile(
    rb"forwarded|via|x-forward.*|x-original.*|x-real-.*|x-client-(ip|cert.*)|x-remote-.*"
    rb"|x-cluster-client-ip|x-proxy.*|x-envoy-.*|x-haproxy-.*|x-varnish|x-nginx-.*|x-squid-.*"
    rb"|x-arr-.*|x-azure-.*|x-amz-cf-.*|x-appengine-.*|x-vercel-.*|x-nf-.*|x-host|x-scheme"
    rb"|x-url-scheme|x-rewrite-url|x-request-start|x-ssl.*|x-auth-request-.*|x-webauth-.*"
    rb"|x-bluecoat-.*|x-sucuri-.*|x-akamai-.*|true-client-.*|client-ip|client-cert.*|cf-.*|cdn-.*"
    rb"|fastly-.*|fly-.*|akamai-.*|incap-.*|ngrok-.*|tailscale-.*|ssl-client-.*|proxy-.*"
    rb"|front-end-https|surrogate-capability|early-data|max-forwards|remote-user"
)
# Most requests have no others.
ORDINARY = frozenset(
    {
        *(b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"connection"),
        *(b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"origin"),
        *(b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"referer", b"traceparent"),
    }
)
NO_PAGE = SplitResult("", "", "", "", "")
# Another port of this machine is the same site.
CROSS_SITE = frozenset({b"cross-site", b"same-site"})
TO_USE_KEYS = (
    "To end local mode, create a key with `activity-events keys create NAME --scope admin`, or set "
    "ACTIVITY_ADMIN_KEYS."
)


def refusal(
    scope: Scope, headers: dict[bytes, bytes], allowed_origins: Collection[str]
) -> Forbidden | None:
    """Return the error if local mode rejects a request with these headers, else None."""
    host, origin = _text(headers, b"host"), _text(headers, b"origin")
    path: str = scope["path"]
    if path.startswith(HEALTH) and not origin and not _is_cross_site(headers):
        return None
    if LOOPBACK_HOST.fullmatch(host) is None or _hosts(scope) != 1:
        return Forbidden(
            "Local mode accepts only requests to localhost, 127.0.0.1 and [::1]. " + TO_USE_KEYS,
            code="host_not_allowed",
        )
    if scope["http_version"] == "1.0" or _is_forwarded(headers):
        return Forbidden(
            "Local mode rejects requests through a proxy, and HTTP/1.0, which some proxies use, "
            f"because their origin is unknown. {TO_USE_KEYS}",
            code="proxy_not_allowed",
        )
    referrer = _referrer(headers)
    if (origin or f"{referrer.scheme}://{referrer.netloc}") in allowed_origins:
        return None
    if origin and origin not in {f"http://{host}", f"https://{host}"}:
        return Forbidden(
            "Local mode accepts only same-origin requests. Add your origin to "
            "ACTIVITY_ALLOWED_ORIGINS.",
            code="origin_not_allowed",
            details={"origin": origin},
        )
    is_foreign = _is_of_another_page(headers, referrer, host.lower())
    if is_foreign and path != SCRIPT and not _is_link(scope, headers):
        return Forbidden(
            "Local mode accepts only requests from the service's own pages. Add the origin of your "
            "page to ACTIVITY_ALLOWED_ORIGINS.",
            code="origin_not_allowed",
        )
    return None


def _text(headers: dict[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _hosts(scope: Scope) -> int:
    return sum(name == b"host" for name, _ in scope["headers"])


def _is_forwarded(headers: dict[bytes, bytes]) -> bool:
    return any(FORWARDED.fullmatch(name.replace(b"_", b"-")) for name in headers.keys() - ORDINARY)


def _is_cross_site(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"sec-fetch-site") in CROSS_SITE


def _referrer(headers: dict[bytes, bytes]) -> SplitResult:
    """Return the page that a request names as its referrer, if any; a malformed URL has no host."""
    if b"referer" not in headers:
        return NO_PAGE
    try:
        return urlsplit(_text(headers, b"referer"))
    except ValueError:
        return SplitResult("invalid", "", "", "", "")


def _is_of_another_page(headers: dict[bytes, bytes], referrer: SplitResult, host: str) -> bool:
    """Whether a page of another origin sent the request. A `Referer` with another host than `Host`
    belongs to a page behind a proxy that hides itself."""
    return _is_cross_site(headers) or (bool(referrer.scheme) and referrer.netloc != host)


def _is_link(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether a user follows a link to one of the service's pages, in a top-level window."""
    return (
        scope["method"] in {"GET", "HEAD"}
        and PAGES.fullmatch(scope["path"]) is not None
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"
    )
