"""Secrets by the forms that their issuers gave them."""

import base64
import binascii
import re
from collections.abc import Iterator

from app.ingest.pii_finders import Finder, Place, Span, matches

# The forms of secrets by the start that their issuers gave them.
_BEGINNINGS = {
    "eyJ": "",  # see _JWT
    "AKIA": r"[0-9A-Z]{16}(?!\w)",
    "ASIA": r"[0-9A-Z]{16}(?!\w)",
    "AIza": r"[\w-]{30,}",
    "ya29.": r"[\w.-]{20,}",
    "GOCSPX-": r"[\w-]{20,}",
    "ghp_": r"[A-Za-z0-9]{30,}",
    "gho_": r"[A-Za-z0-9]{30,}",
    "ghr_": r"[A-Za-z0-9]{30,}",
    "ghs_": r"[A-Za-z0-9]{30,}",
    "ghu_": r"[A-Za-z0-9]{30,}",
    "github_pat_": r"\w{22,}",
    "glpat-": r"[\w-]{20,}",
    "glrt-": r"[\w-]{20,}",
    "npm_": r"[A-Za-z0-9]{30,}",
    "pypi-": r"[\w-]{20,}",
    "dckr_pat_": r"[\w-]{20,}",
    "xox": r"[abeoprs]-[\w-]{10,}",
    "xapp-": r"[\w-]{10,}",
    "sk_live_": r"[A-Za-z0-9]{16,}",
    "sk_test_": r"[A-Za-z0-9]{16,}",
    "rk_live_": r"[A-Za-z0-9]{16,}",
    "rk_test_": r"[A-Za-z0-9]{16,}",
    "pk_live_": r"[A-Za-z0-9]{16,}",
    "pk_test_": r"[A-Za-z0-9]{16,}",
    "whsec_": r"[\w+/=-]{16,}",
    "sk-": r"(?=[a-z_-]{0,200}[\dA-Z])[\w-]{20,}",
    "SG.": r"[\w-]{16,}\.[\w-]{16,}",
    "key-": r"[0-9a-z]{32}(?!\w)",
    "hf_": r"[A-Za-z0-9]{30,}",
    "shpat_": r"[0-9a-f]{32}",
    "shpss_": r"[0-9a-f]{32}",
    "shpca_": r"[0-9a-f]{32}",
    "dop_v1_": r"[0-9a-f]{40,}",
    "sq0": r"(?:atp|csp)-[\w-]{20,}",
    "lin_api_": r"[A-Za-z0-9]{30,}",
    "NRAK-": r"[A-Z0-9]{20,}",
    "ae_": r"[a-z]{4,24}_[a-z0-9]{8}_[\w-]{20,}",
}
SECRET = re.compile(
    r"eyJ|(?<![A-Za-z0-9])(?:"
    + "|".join(re.escape(start) for start, rest in _BEGINNINGS.items() if rest)
    + r")|PRIVATE KEY|(?i:bearer |basic |authorization\W|hooks\.slack|api/webhooks|/bot\d)"
)

_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(re.escape(start) + rest for start, rest in _BEGINNINGS.items() if rest)
    + r")|(?i:bearer)\s{1,4}(?=[^\s\d]{0,200}[\d._~+/-])[\w.~+/-]{16,}+={0,2}"
    r"|(?i:authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?i:bearer|basic|token|digest|apikey)\s{1,3}"
    r"[^\s\"',;]+"
    r"|(?i:hooks\.slack\.com/services)/\w{6,20}/\w{6,20}/\w{16,}"
    r"|(?i:api/webhooks)/\d{10,25}/[\w-]{30,}"
    r"|/bot\d{6,12}:[\w-]{30,}"
)
# The first `eyJ` of a word only: one start for each word, however many there are in it.
_JWT = re.compile(r"(?<![\w-])(?>[\w-]*?eyJ)[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+){0,3}")
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}?PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)[\s\S])*+"
    r"(?:-----END [A-Z0-9 ]{0,60}(?:-----)?)?"
)
_BASIC = re.compile(r"(?<!\w)[Bb]asic\s{1,4}([A-Za-z0-9+/]{6,}+={0,2})")


def _is_basic(match: "re.Match[str]", _: Place) -> bool:
    """`Basic` and a name and password in base64, not `Basic authentication`."""
    given = match.group(1).rstrip("=")
    try:
        decoded = base64.b64decode(given + "=" * (-len(given) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in decoded and decoded.isascii()


def _tokens(text: str, _: Place) -> Iterator[Span]:
    if SECRET.search(text) is not None:
        for match in _TOKEN.finditer(text):
            yield match.span()


SECRETS: tuple[tuple[str, Finder], ...] = (
    ("token", matches(_PEM, sign="PRIVATE KEY")),
    ("token", matches(_JWT, sign="eyJ")),
    ("token", _tokens),
    ("token", matches(_BASIC, _is_basic, sign="asic ")),
)
