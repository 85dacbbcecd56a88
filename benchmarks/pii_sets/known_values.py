# ruff: noqa: E501, S104 (a table reads better in long lines; nothing is bound to)
"""Single values that the rules were written against: personal data, and what only looks like it.

Written by hand from public formats and documentation examples, or made from a fixed seed by rules
that know nothing of the scanner (Luhn and IBAN check digits are computed here).
"""

import random
import uuid
from collections.abc import Iterator

from benchmarks.pii_sets.labels import Personal

Value = tuple[str, object, str | None]  # key, value, the kind expected

EMAILS = [
    "ada@example.com",
    "Ada.Lovelace@Example.CO.UK",
    "a@b.io",
    "first.last+tag@sub.domain.org",
    "user_name%x@mail-host.de",
    "o'brien@example.ie",
    "zoë@example.fr",
    "info@müller.de",
    "x-1@a-b.museum",
    "UPPER@EXAMPLE.COM",
    "1234567@qq.com",
    "wei@163.com",
    "name.surname@firma.com.pl",
    "contact ada@example.com please",
    "<bob@example.org>",
    "mailto:carol@example.net",
    "a@example.com, b@example.com",
    "owner=dave@example.com;",
    "(eve@example.com)",
    "https://example.com/?u=frank@example.com",
    "Grace Hopper <grace@navy.mil>",
    "reply-to: heidi@example.com\nthanks",
    "ivan@xn--80ak6aa92e.com",
    "judy@example.technology",
    "invited:ken@corp.example.com",
    '"leo@example.com"',
    "mia@example.com.",
    "me@my.site!",
]
PHONES = [
    "+1 415-555-2671",
    "+14155552671",
    "+1 (415) 555-2671",
    "(415) 555-2671",
    "415-555-2671",
    "415.555.2671",
    "1-415-555-2671",
    "+44 20 7946 0958",
    "+442079460958",
    "+44 (0)20 7946 0958",
    "+49 30 901820",
    "+49 170 1234567",
    "+33 1 70 18 99 00",
    "+33 6 12 34 56 78",
    "+34 612 345 678",
    "+39 06 6982",
    "+81 3-3224-5000",
    "+86 138 0013 8000",
    "+91 98765 43210",
    "+61 2 9374 4000",
    "+55 11 96123-4567",
    "+52 55 1234 5678",
    "+7 495 123-45-67",
    "+46 8 123 456 78",
    "+41 44 668 18 00",
    "+43 1 58858 0",
    "+31 20 794 0800",
    "+32 2 551 11 11",
    "+47 22 12 34 56",
    "+45 32 12 34 56",
    "call +1 212-555-0187 today",
    "tel: (212) 555-0187",
    "212 555 0187 x",
    "fax +44 1632 960983 or mail",
    "+972 2-537-1234",
    "+90 212 345 67 89",
    "+27 21 123 4567",
    "+65 6521 8000",
    "+82 2-531-9000",
    "+48 22 123 45 67",
]
IBANS = [
    "GB29NWBK60161331926819",
    "GB29 NWBK 6016 1331 9268 19",
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "FR1420041010050500013M02606",
    "ES9121000418450200051332",
    "IT60X0542811101000000123456",
    "NL91ABNA0417164300",
    "NL91 ABNA 0417 1643 00",
    "BE68539007547034",
    "CH9300762011623852957",
    "AT611904300234573201",
    "PT50000201231234567890154",
    "SE4550000000058398257466",
    "NO9386011117947",
    "DK5000400440116243",
    "FI2112345600000785",
    "PL61109010140000071219812874",
    "IE29AIBK93115212345678",
    "LU280019400644750000",
    "CZ6508000000192000145399",
    "GR1601101250000000012300695",
    "TR330006100519786457841326",
    "pay to DE89 3704 0044 0532 0130 00 now",
    "iban:GB29NWBK60161331926819;",
]
CARDS = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4012888888881881",
    "4222222222222",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "5555 5555 5555 4444",
    "378282246310005",
    "3782 822463 10005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3530111333300000",
    "3566002020360505",
    "30569309025904",
    "38520000023237",
    "6200000000000005",
    "card 4111 1111 1111 1111 exp 12/27",
]
IPS = [
    "203.0.113.7",
    "198.51.100.23",
    "10.1.2.3",
    "192.168.1.20",
    "8.8.8.8",
    "172.16.254.1",
    "from 203.0.113.7 port 22",
    "http://203.0.113.7/path",
    "203.0.113.7:8080",
    "203.0.113.0/24",
    "2001:db8:85a3::8a2e:370:7334",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "fe80::1ff:fe23:4567",
    "[2001:db8::1234:5678]:443",
    "client=198.51.100.77;",
    "2606:4700:4700::1111",
    "x-forwarded-for: 203.0.113.9, 198.51.100.4",
    "93.184.216.34",
]
# In pieces, as whole ones are what scanners of repositories look for.
TOKENS = [
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "Bearer " + "mF_9.B5f-4.1JqM_abcdefgh12345",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_" + "11ABCDEFG0abcdefghij_KLMNOPQ",
    "xoxb-" + "123456789012-1234567890123-abcDEFghiJKLmnoPQRstuVWX",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "pk_test_" + "TYooMQauvdEDq54NiTphI7jx",
    "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "sk-" + "abcdefghijklmnopqrstuvwxyz123456",
    "glpat-" + "ABCDEFGHIJKLMNOPQRST",
    "npm_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "SG." + "abcdefghijklmnopqrstuv.wxyzABCDEFGHIJKLMNOPQRSTUV",
    "ae_write_" + "k3f9x2aq_" + "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "token=" + "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789;",
]
BY_KEY: list[tuple[str, object]] = [
    ("forename", "Ada"),
    ("firstName", "Ada"),
    ("last_name", "Lovelace"),
    ("Full-Name", "Ada L"),
    ("password", "hunter2"),
    ("Password", "x"),
    ("dateOfBirth", "1815-12-10"),
    ("ssn", 78051120),
    ("address", "12 St James's Square"),
    ("streetAddress", "Main St 1"),
    ("apiKey", "k"),
    ("secret", "s"),
    ("phone_number", 5551234),
    ("username", "ada"),
    ("postal_code", "SW1Y 4JH"),
    ("cookie", "sid=1"),
    ("passport", "X123"),
    ("cvv", 123),
    ("taxId", "12/345"),
    ("user_name", "a"),
]
NOTHING: list[tuple[str, object]] = [
    ("mention", "@ada"), ("package", "@scope/pkg"), ("package", "lodash@4.17.21"),
    ("package", "left-pad@1.3.0-rc.next"), ("repository", "git@github.com:org/repo.git"),
    ("repository", "ssh://git@github.com/org/repo"), ("image", "logo@2x.png"), ("image", "a@3x.webp"),
    ("text", "meet @ noon"), ("text", "user@"), ("text", "@"), ("text", "a @ b"), ("text", "x@y"),
    ("decorator", "@app.route('/x')"), ("css", "@media (min-width: 600px)"), ("at", "root@localhost"),
    ("version", "1.2.3.4"), ("app_version", "10.0.19045.3570"), ("build", "10.15.7.1"),
    ("browser", "Chrome/120.0.0.0"), ("user_agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"),
    ("text", "v1.2.3.4"), ("text", "version 2.10.0.1"), ("semver", "1.2.3"), ("semver", "1.2.3-rc.1+b5"),
    ("host", "127.0.0.1"), ("host", "0.0.0.0"), ("host", "::1"), ("mask", "999.999.999.999"),
    ("section", "1.2.3"), ("number", "1.234.567,89"), ("price", "4,111.11"), ("price", "$1,234.56"),
    ("price", "1234.56 EUR"), ("amount", "10 000 000"), ("amount", 1234567.89), ("total", "1,000,000,000"),
    ("date", "2026-11-20"), ("date", "20.11.2026"), ("date", "11/20/2026"), ("time", "09:15:00"),
    ("time", "09:15:00.250"), ("at", "2026-11-20T09:15:00.250Z"), ("at", "2026-11-20 09:15:00+01:00"),
    ("range", "2026-11-01/2026-11-30"), ("duration", "PT1H30M"), ("duration", "01:02:03"),
    ("cron", "*/5 0-23 1,15 * *"), ("ratio", "16:9"), ("score", "3:2"), ("bible", "3:16-18"),
    ("colour", "#ff00aa"), ("colour", "#FF00AA80"), ("colour", "rgb(12, 34, 56)"),
    ("mac", "00:1B:44:11:3A:B7"), ("mac", "00-1B-44-11-3A-B7"), ("code", "std::vector<int>"),
    ("code", "a::before"), ("code", "Foo::Bar::baz"), ("path", "/projects/42/board"),
    ("path", "C:\\Users\\x"), ("url", "https://example.com/a?b=1&c=2#d"), ("url", "https://medium.com/@user/story"),
    ("url", "http://localhost:8000/x"), ("slug", "my-first-project-2026"), ("file", "report-2026-11-20.pdf"),
    ("file", "IMG_20261120_091500.jpg"), ("isbn", "978-3-16-148410-0"), ("isbn", "9783161484100"),
    ("doi", "10.1000/182"), ("sha", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("commit", "8dd26473a071"),
    ("hash", "d41d8cd98f00b204e9800998ecf8427e"), ("ulid", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("nanoid", "V1StGXR8_Z5jdHi6B-myT"), ("object_id", "507f1f77bcf86cd799439011"),
    ("coordinates", "51.5007,-0.1246"), ("coordinates", "-33.8688, 151.2093"), ("lat", 51.5007),
    ("resolution", "1920x1080"), ("size", "210 x 297"), ("ip_version", "4"), ("port", "8080"),
    ("project_name", "Analytical Engine"), ("file_name", "notes.txt"), ("event_name", "opened"),
    ("email_id", "msg-0192"), ("token_count", 512), ("address_count", 2), ("named", "yes"),
    ("name_length", 12), ("emails_sent", 3), ("has_password", True), ("phone_verified", False),
    ("secretary", "none"), ("tokens", 99), ("namespace", "prod"), ("surname_hidden", True),
    ("text", "order 66"), ("text", "call me maybe"), ("text", "+1"), ("text", "+100%"), ("text", "C++"),
    ("text", "1 + 1 = 2"), ("text", "+5 days"), ("tz", "UTC+01:00"), ("tz", "+05:30"), ("tz", "-0800"),
    ("text", "24/7"), ("text", "3-2-1"), ("text", "1-2-3-4-5-6"), ("text", "555-1234"),
    ("plate", "AB12 CDE"), ("sku", "SKU-1234-5678"), ("invoice", "INV-2026-000123"), ("po", "PO 4500012345"),
    ("tracking", "1Z999AA10123456784"), ("tracking", "9400110898825022579493"), ("iata", "LH1234"),
    ("postcode_area", "SW1"), ("room", "B-12.345"), ("ticket", "PROJ-12345"), ("issue", "#12345"),
    ("temperature", "-12.5"), ("percent", "99.99%"), ("bytes", "1048576"), ("count", "1234567890"),
    ("order_id", "4111111111111112"), ("order_id", "1234567812345678"), ("order_id", "0000000000000000"),
    ("reference", "1234-5678-9012-3456"), ("batch", "2026 1120 0915 0001"), ("serial", "35-209900-176148-1"),
    ("words", "The quick brown fox jumps over the lazy dog"), ("words", "e-mail"), ("words", "a.b.c"),
    ("words", "Bearer of bad news"), ("words", "sk-learn"), ("words", "key-value"), ("words", "ae_write"),
    ("words", "eyJust kidding"), ("json", '{"a": 1}'), ("html", "<b>bold</b>"), ("emoji", "🎉🎉"),
    ("list", "1,2,3,4,5,6,7,8,9,10,11,12"), ("matrix", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"),
    ("bits", "0101010101010101"), ("hex", "0x1A2B3C4D5E6F"), ("base", "MTIzNDU2Nzg5MA=="),
    ("locale", "en-GB"), ("mime", "application/vnd.api+json"), ("css", "padding: 10px 20px 30px 40px"),
    ("arn", "arn:aws:s3:::bucket/key"), ("urn", "urn:isbn:0451450523"), ("query", "a:b:c"),
    ("netmask", "/24"), ("iso", "ISO 27001:2022"), ("score", "6-4 6-3 7-6"), ("keyboard", "Ctrl+Shift+P"),
]  # fmt: skip


def rows() -> Iterator[tuple[str, object]]:
    """All of them, always the same, with labels."""
    for key, value, kind in _values():
        yield key, value if kind is None else Personal(kind, value, (str(value),))


def _values() -> Iterator[Value]:
    for kind, given in (
        ("email", EMAILS), ("phone", PHONES), ("iban", IBANS), ("card", CARDS), ("ip", IPS), ("token", TOKENS),
    ):  # fmt: skip
        for text in given:
            yield "value", text, kind
    for key, value in BY_KEY:
        yield key, value, "key"
    for key, value in NOTHING:
        yield key, value, None
    yield from _made()


def _made() -> Iterator[Value]:
    chance = random.Random(20261122)
    for _ in range(25):
        words = [chance.choice(["ana", "ben", "cara", "dov", "eli", "fay"]) for _ in range(2)]
        yield (
            "value",
            f"{'.'.join(words)}{chance.randrange(99)}@{chance.choice(words)}.example.com",
            "email",
        )
        yield "value", luhn(chance.choice(["4", "51", "55", "2221", "6011"]), 16, chance), "card"
    for _ in range(15):
        yield "value", iban("DE", f"{chance.randrange(10**18):018d}"), "iban"
        yield (
            "value",
            ".".join(str(chance.randrange(1, 127)) for _ in range(4)),
            "ip",
        )
    for _ in range(40):
        yield "event_id", str(uuid.UUID(int=chance.getrandbits(128), version=4)), None
        yield "at", str(chance.randrange(1_600_000_000_000, 1_900_000_000_000)), None
        yield "at_ms", chance.randrange(1_600_000_000_000, 1_900_000_000_000), None
        yield "at", str(chance.randrange(1_600_000_000, 1_900_000_000)), None
        yield "hash", f"{chance.getrandbits(160):040x}", None
        yield "order_id", str(chance.randrange(10**15, 10**16)), None
        yield "price", f"{chance.randrange(10**6) / 100:,.2f}", None


def luhn(prefix: str, length: int, chance: random.Random) -> str:
    """A number with a check digit (ISO/IEC 7812)."""
    body = prefix + "".join(str(chance.randrange(10)) for _ in range(length - len(prefix) - 1))
    total = sum(
        digit if place % 2 else digit * 2 - 9 * (digit > 4)
        for place, digit in enumerate(int(each) for each in reversed(body))
    )
    return body + str(-total % 10)


def iban(country: str, account: str) -> str:
    """An account with its check digits (ISO 13616)."""
    number = int("".join(str(int(each, 36)) for each in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02d}{account}"
