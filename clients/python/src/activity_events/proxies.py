"""The way to a server by the environment: its proxies (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY,
NO_PROXY) and its certificates (SSL_CERT_FILE, SSL_CERT_DIR).

No message quotes the URL of a proxy, which may hold a password.
"""

import ipaddress
import re
import ssl
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

# Trusts no certificate; for connections without TLS, which need not read any.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
HOST = re.compile(r"[A-Za-z0-9._-]+")
SOCKS = "the proxy of the environment needs another package: pip install 'httpx[socks]'"


def way_options(url: str) -> dict[str, Any]:
    """Return the options of an httpx client that reaches this URL: the one proxy that is for it,
    and the certificates if there is TLS.

    Raises:
        ValueError: a variable of the environment can't be used; the message names it.
    """
    target = httpx.URL(url)
    proxy = proxy_of(target)
    has_tls = target.scheme == "https" or (proxy or "").startswith("https:")
    options = {"proxy": proxy, "verify": trusted() if has_tls else NO_TLS, "trust_env": False}
    if proxy is not None:
        _check(proxy, options)
    return options


def proxy_of(url: httpx.URL) -> str | None:
    """Return the URL of the proxy for requests to this URL; None for a direct connection, as to
    this machine itself."""
    if is_loopback(url.host) or _bypasses(url):
        return None
    proxies = getproxies()
    proxy = (proxies.get(url.scheme) or proxies.get("all") or "").strip()
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def names_a_host(url: httpx.URL) -> bool:
    """Whether a URL has a host and a port to connect to."""
    host = url.raw_host.decode()
    has_host = HOST.fullmatch(host) is not None or _address(host) is not None
    return has_host and (url.port is None or 0 < url.port < 65536)


def trusted() -> ssl.SSLContext:
    """Return the authorities that httpx trusts, or those of SSL_CERT_FILE and SSL_CERT_DIR.

    Raises:
        ValueError: the file can't be read.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or "it has no certificates"
        raise ValueError(
            f"SSL_CERT_FILE: the certificates of the environment can't be read ({reason})"
        ) from None


def _check(proxy: str, options: dict[str, Any]) -> None:
    """Raise the error of a proxy that httpx can't use."""
    try:
        httpx.Client(**options).close()
        if not names_a_host(httpx.URL(proxy)):
            raise ValueError("no host")
    except ImportError:
        raise ValueError(f"{SOCKS}, or name the service's host in NO_PROXY") from None
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise ValueError(
            "the proxy of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) must have the form "
            "http://proxy.example.com:3128; name the service's host in NO_PROXY to go without it"
        ) from None


def _bypasses(url: httpx.URL) -> bool:
    """Whether NO_PROXY names the host: as urllib reads it, and by networks such as 10.0.0.0/8."""
    address = _address(url.host)
    host = url.host if address is None or address.version == 4 else f"[{url.host}]"
    if proxy_bypass(f"{host}:{url.port}" if url.port else host):
        return True
    if address is None:
        return False
    for name in getproxies().get("no", "").split(","):
        try:
            if address in ipaddress.ip_network(name.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
