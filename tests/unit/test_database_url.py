"""Connection strings, as libpq reads them; what is wrong with one is said without any of it."""

from pathlib import Path

import pytest

from app.database.url.parse import DatabaseUrl, parse_database_url


def tls(url: DatabaseUrl) -> dict[str, str]:
    return dict(url.tls)


@pytest.mark.parametrize(
    ("given", "hosts", "ports", "user", "password", "database"),
    [
        ("postgresql://u:p@h:5432/d", ("h",), (5432,), "u", "p", "d"),
        ("postgres://h/d", ("h",), (), None, None, "d"),
        ("postgresql+asyncpg://h/d", ("h",), (), None, None, "d"),
        (" postgresql://h/d\n", ("h",), (), None, None, "d"),
        ("postgresql://", (), (), None, None, None),
        ("postgresql:///d", (), (), None, None, "d"),
        ("postgresql:///d?port=6543", (), (6543,), None, None, "d"),
        ("postgresql:///d?host=/run/postgresql", ("/run/postgresql",), (), None, None, "d"),
        ("postgresql://%2Frun%2Fpostgresql/d", ("/run/postgresql",), (), None, None, "d"),
        ("postgresql://postgres@/d?host=/a%20b", ("/a b",), (), "postgres", None, "d"),
        ("postgresql://[::1]:6543/d", ("::1",), (6543,), None, None, "d"),
        ("postgresql://[2001:db8::1234]/d", ("2001:db8::1234",), (), None, None, "d"),
        ("postgresql://a:1,b:2/d", ("a", "b"), (1, 2), None, None, "d"),
        ("postgresql://a:1,b/d", ("a", "b"), (1, 5432), None, None, "d"),
        ("postgresql://a,b,[::1]/d?port=6543", ("a", "b", "::1"), (6543,), None, None, "d"),
        ("postgresql://u@h/d?password=p&user=v", ("h",), (), "v", "p", "d"),
        ("postgresql://u:%40%2F%23%3F%5B%25@h/d", ("h",), (), "u", "@/#?[%", "d"),
        ("postgresql://u:a+b%20%C3%A4&c:d@h/d", ("h",), (), "u", "a+b ä&c:d", "d"),
        # libpq's grammar lets these be.
        ("postgresql://u:pa#ss@h/d", ("h",), (), "u", "pa#ss", "d"),
        ("postgresql://u:pa?ss@h/d", ("h",), (), "u", "pa?ss", "d"),
        ("postgresql://u:p[w]@h/d", ("h",), (), "u", "p[w]", "d"),
        ("postgresql://h/d?hostaddr=192.0.2.1", ("192.0.2.1",), (), None, None, "d"),
        ("host=h port=1 dbname=d user=u password=p", ("h",), (1,), "u", "p", "d"),
        (r"host = h dbname='a b' password='it\'s \\ '", ("h",), (), None, "it's \\ ", "a b"),
        ("dbname=d password=''", (), (), None, None, "d"),
    ],
)
@pytest.mark.fault("E4")
def test_where_and_who(
    given: str,
    hosts: tuple[str, ...],
    ports: tuple[int, ...],
    user: str | None,
    password: str | None,
    database: str | None,
) -> None:
    url = parse_database_url(given)
    assert (url.hosts, url.ports, url.user) == (hosts, ports, user)
    assert (url.password, url.database) == (password, database)


@pytest.mark.fault("E4")
@pytest.mark.parametrize(
    "given",
    [
        "postgresql://u:SECRETX/SECRETY@127.0.0.1/x",
        "postgresql://u:12/SECRETY@127.0.0.1/x",
        "postgresql://u:SECRETX@SECRETY@127.0.0.1/x",
        "postgresql://u:SECRETX@SECRETY/SECRETZ@127.0.0.1/x",
        "postgresql://u:SECRETX@SECRETY/SECRETZ?SECRETZ=1@127.0.0.1/x",
        "postgresql://u:12/a?SECRETY=1@127.0.0.1/x",
        "postgresql://u:SECRETX%SECRETY@127.0.0.1/x",
        "postgresql://u:SECRETX%zz@127.0.0.1/x",
        "postgresql://u:SECRETX%00@127.0.0.1/x",
        "postgresql://u:[SECRETX/SECRETY@127.0.0.1/x",
        "postgresql://u:SECRETX]:SECRETY/@127.0.0.1/x",
        "postgresql://u:p@h:99999/SECRETX",
        "postgresql://u:SECRETX@h:abc/x",
        "postgresql://u:SECRETX@h:-1/x",
        "postgresql://u:SECRETX@h:٣/x",
        "postgresql://u:SECRETX@::1:5432/x",
    ],
)
def test_what_must_be_percent_encoded_is_said_without_any_of_it(given: str) -> None:
    with pytest.raises(ValueError, match="percent-encode the password") as caught:
        parse_database_url(given)
    shown = f"{caught.value!r} {caught.value.__cause__!r}"
    assert not any(piece in shown for piece in ("SECRET", "127.0.0.1", "u:", "99999", "abc"))


@pytest.mark.parametrize(
    "given",
    ["", "mysql://u:SECRET@h/d", "h/d", "u:SECRET@h/d", "sqlite:///x", "postgresqlx://h",
     "host=h x", "host='SECRET"],
)  # fmt: skip
def test_what_is_no_connection_string(given: str) -> None:
    with pytest.raises(ValueError, match="expected postgresql://USER:PASSWORD") as caught:
        parse_database_url(given)
    assert "SECRET" not in str(caught.value)


@pytest.mark.fault("E2", "newcomer-53")
def test_what_providers_hand_out_is_understood() -> None:
    """Neon's: the driver has no channel binding, and verifies the certificate instead."""
    given = "postgresql://u:p@ep-x.neon.tech/d?sslmode=require&channel_binding=require"
    assert tls(parse_database_url(given)) == {"sslmode": "verify-full", "sslrootcert": "system"}
    given = "postgresql://h/d?sslmode=verify-full&sslrootcert=/ca.pem&channel_binding=require"
    assert tls(parse_database_url(given)) == {"sslmode": "verify-full", "sslrootcert": "/ca.pem"}


@pytest.mark.fault("E2", "newcomer-53")
@pytest.mark.parametrize(
    "pair",
    [
        "channel_binding=prefer",
        "channel_binding=disable",
        "gssencmode=disable",
        "gssencmode=prefer",
        "client_encoding=auto",
        "client_encoding=UTF8",
        "sslcompression=0",
        "sslsni=1",
        "sslcertmode=allow",
        "replication=false",
        "max_protocol_version=latest",
        "min_protocol_version=3.0",
        "load_balance_hosts=disable",
        "require_auth=",
        "sslmode=",
    ],
)
def test_what_nothing_hangs_on_is_passed_over(pair: str) -> None:
    assert parse_database_url(f"postgresql://h/d?{pair}") == parse_database_url("postgresql://h/d")


@pytest.mark.fault("E2")
def test_what_is_understood() -> None:
    url = parse_database_url(
        "postgresql://h/d?connect_timeout=7&keepalives_idle=1&keepalives_interval=2"
        "&keepalives_count=3&tcp_user_timeout=4000&fallback_application_name=theirs"
        "&load_balance_hosts=random&target_session_attrs=read-write&passfile=/p"
        "&options=-c%20search_path%3Dx%5C%20y%20--statement-timeout%3D5s%20-cwork_mem%3D8MB"
        "&sslmode=verify-ca&sslrootcert=%2Fa%26b&ssl_min_protocol_version=TLSv1.2"
    )
    assert url.connect_timeout_seconds == 7
    keepalive = url.keepalive
    assert (keepalive.idle_seconds, keepalive.interval_seconds, keepalive.count) == (1, 2, 3)
    assert (keepalive.is_on, keepalive.user_timeout_ms) == (True, 4000)
    assert (url.application_name, url.shuffles_hosts, url.passfile) == ("theirs", True, "/p")
    assert url.target_session_attrs == "read-write"
    assert url.server_settings == (
        ("search_path", "x y"),
        ("statement_timeout", "5s"),
        ("work_mem", "8MB"),
    )
    assert url.startup_options is None
    assert url.tls_dsn == (
        "postgresql://?sslmode=verify-ca&sslrootcert=%2Fa%26b&ssl_min_protocol_version=TLSv1.2"
    )
    assert parse_database_url("postgresql://h/d?keepalives=0").keepalive.is_on is False
    assert parse_database_url("postgresql://h/d").application_name == "activity-events"
    assert parse_database_url("postgresql://h/d?application_name=a").application_name == "a"
    assert tls(parse_database_url("postgresql://h/d?ssl=true")) == {"sslmode": "require"}
    assert tls(parse_database_url("postgresql://h/d?sslrootcert=system"))["sslmode"] == (
        "verify-full"
    )
    neon = parse_database_url("postgresql://h/d?options=endpoint%3Dep-x")
    assert (neon.startup_options, neon.server_settings) == ("endpoint=ep-x", ())


@pytest.mark.fault("E2", "E3")
@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("require_auth=scram-sha-256", "require_auth: the driver can't restrict"),
        ("gssencmode=require", "gssencmode: .*sslmode=verify-full"),
        ("requirepeer=postgres", "requirepeer: "),
        ("sslcrldir=/x", "sslcrldir: .*use sslcrl"),
        ("replication=database", "replication: "),
        ("oauth_issuer=https://x", "oauth_issuer: "),
        ("channel_binding=require&sslmode=disable", "channel_binding=require needs TLS"),
        ("channel_binding=perhaps", "channel_binding must be one of"),
        ("sslmode=no-verify", "sslmode must be one of .*`require` encrypts without verifying"),
        ("sslmode=require&sslrootcert=system", "sslrootcert=system requires sslmode=verify-full"),
        ("hostaddr=192.0.2.1&sslmode=verify-full", "hostaddr: "),
        ("hostaddr=192.0.2.1,192.0.2.2", "host and hostaddr must have the same number"),
        ("port=1,2", "2 ports for 1 hosts"),
        ("connect_timeout=soon", "connect_timeout must be a whole number"),
        ("target_session_attrs=rw", "target_session_attrs must be one of"),
        ("schema=public", "`schema` is not a libpq parameter; .*search_path"),
        ("pgbouncer=true", "`pgbouncer` is not a libpq parameter; .*session mode"),
        ("ssl=1", "`ssl` is not a libpq parameter; use sslmode"),
        ("ssl=no-verify", "`ssl` is not a libpq parameter; use sslmode"),
        ("prepared_statement_cache_size=0", "`prepared_statement_cache_size` is not a libpq"),
        ("connection_limit=5", "`connection_limit` is not .*ACTIVITY_DATABASE_POOL_SIZE"),
        ("database=x", "`database` is not a libpq parameter; use dbname"),
        ("statement_timeout=5", "`statement_timeout` is not .*options=-c"),
        ("no_such_thing=1", "`no_such_thing` is not a libpq parameter; remove it"),
        ("service=none", "no service file .* defines the `service`"),
        ("novalue", "must have the form NAME=VALUE"),
    ],
)
def test_what_is_refused_says_why_and_what_to_do(pair: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_database_url(f"postgresql://u:SECRET@h/d?{pair}")


def test_a_service_gives_what_the_url_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "services.conf"
    file.write_text("# ours\n[mine]\nhost=h\nport=6543\nuser=u%r\ndbname=other\nsslmode=require\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    url = parse_database_url("postgresql:///d?service=mine")
    assert (url.hosts, url.ports, url.user, url.database) == (("h",), (6543,), "u%r", "d")
    assert tls(url) == {"sslmode": "require"}


def test_a_password_is_in_no_text_of_it() -> None:
    assert "SECRET" not in repr(parse_database_url("postgresql://u:SECRET@h/d?sslpassword=SECRET"))
