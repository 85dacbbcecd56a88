"""What local mode answers: programs of this machine, and the service's own pages; nothing that came
through a proxy, by another name, or from another page.

Local mode lets everybody do everything who reaches it. That is right only as long as nobody but
this machine's own users does, so that all that speaks for somebody else is refused.
"""

import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from starlette.types import Scope

from app.errors import Forbidden

# Addresses and names that lead to no other machine, whoever resolves them (RFC 6761, 6.3).
LOOPBACK_HOST = re.compile(
    r"(localhost\.?|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(:\d{1,5})?", re.IGNORECASE
)
# No data: a balancer's check names no host (HTTP/1.0), or one of its own.
HEALTH = "/health/"
# Made to be drawn in by pages of other origins; it holds no data.
SCRIPT = "/tracker.js"
# What a link on another page may lead to: they hold no data, and load theirs as pages of their own.
PAGES = re.compile(r"/|/(docs|dashboard|demo)(/.*)?")
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
    "Make a key with `activity-events keys create NAME --scope admin`, or set ACTIVITY_ADMIN_KEYS: "
    "that ends local mode."
)


def refusal(
    scope: Scope, headers: dict[bytes, bytes], allowed_origins: Collection[str]
) -> Forbidden | None:
    """Why local mode doesn't answer a request, which has these headers; None where it does."""
    host, origin = _text(headers, b"host"), _text(headers, b"origin")
    path: str = scope["path"]
    if path.startswith(HEALTH) and not origin and not _is_cross_site(headers):
        return None
    if LOOPBACK_HOST.fullmatch(host) is None or _hosts(scope) != 1:
        return Forbidden(
            f"In local mode only localhost, 127.0.0.1 and [::1] are answered. {TO_USE_KEYS}",
            code="host_not_allowed",
        )
    if scope["http_version"] == "1.0" or _is_forwarded(headers):
        return Forbidden(
            "In local mode nothing is answered that came through a proxy, or by HTTP/1.0, which "
            f"some proxies speak: whom it is from can't be told. {TO_USE_KEYS}",
            code="proxy_not_allowed",
        )
    referrer = _referrer(headers)
    if (origin or f"{referrer.scheme}://{referrer.netloc}") in allowed_origins:
        return None
    if origin and origin not in {f"http://{host}", f"https://{host}"}:
        return Forbidden(
            "In local mode no origin but the service's own is answered; name yours in "
            "ACTIVITY_ALLOWED_ORIGINS.",
            code="origin_not_allowed",
            details={"origin": origin},
        )
    is_foreign = _is_of_another_page(headers, referrer, host.lower())
    if is_foreign and path != SCRIPT and not _is_link(scope, headers):
        return Forbidden(
            "In local mode no page but the service's own is answered; name the origin of yours in "
            "ACTIVITY_ALLOWED_ORIGINS.",
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
    """The page that a request is from, where it is said; one that is no URL is of no host."""
    if b"referer" not in headers:
        return NO_PAGE
    try:
        return urlsplit(_text(headers, b"referer"))
    except ValueError:
        return SplitResult("invalid", "", "", "", "")


def _is_of_another_page(headers: dict[bytes, bytes], referrer: SplitResult, host: str) -> bool:
    """By what browsers say of it. A `Referer` with another name than that in `Host` is of a page
    behind a proxy that hides itself."""
    return _is_cross_site(headers) or (bool(referrer.scheme) and referrer.netloc != host)


def _is_link(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether somebody follows a link to one of the service's pages, at the top of a window."""
    return (
        scope["method"] in {"GET", "HEAD"}
        and PAGES.fullmatch(scope["path"]) is not None
        and headers.get(b"sec-fetch-mode") == b"navigate"
        and headers.get(b"sec-fetch-dest") == b"document"
    )
