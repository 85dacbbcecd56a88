"""Identity of callers without credentials, derived from their network address."""

import ipaddress


def address_of(client: tuple[str, int] | None) -> str:
    """Return a caller's network address. Of IPv6 it is the network: each machine has a whole one.

    Args:
        client: address and port, as ASGI has them; None where there are none.
    """
    if client is None:
        return ""
    address = client[0]
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
