"""DATABASE_URL in every form that people have."""

import ssl
from pathlib import Path

import certifi
import pytest

from infra.config.database import DatabaseUrl
from infra.config.urls import database_url


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///./aethergate.db", "./aethergate.db"),
        ("sqlite+aiosqlite:///./aethergate.db", "./aethergate.db"),
        ("sqlite:///aethergate.db", "aethergate.db"),
        ("sqlite:////data/x y.db", "/data/x y.db"),
        ("sqlite://x.db", "x.db"),
        (" SQLITE:///x.db ", "x.db"),
        ("sqlite:///C:/x.db", "C:/x.db"),
    ],
)
def test_sqlite_has_a_path_relative_after_three_slashes_and_absolute_after_four(text: str, path: str) -> None:
    assert database_url(text) == DatabaseUrl("sqlite", path=path)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "asyncpg", "postgresql+psycopg2"])
def test_postgres_has_many_names(scheme: str) -> None:
    found = database_url(f"{scheme}://joe:p%40ss%2Fw@db.example:6432/my%20base")
    assert (found.dialect, found.host, found.port, found.database) == ("postgres", "db.example", 6432, "my base")
    assert (found.user, found.password, found.sslmode) == ("joe", "p@ss/w", "prefer")


@pytest.mark.parametrize(
    ("query", "mode", "argument"),
    [
        ("", "prefer", "prefer"),
        ("sslmode=disable", "disable", False),
        ("sslmode=allow", "allow", "allow"),
        ("sslmode=require", "require", "require"),
        ("sslmode=verify-full", "verify-full", "verify-full"),
        ("ssl=false", "disable", False),
        ("ssl=disable", "disable", False),
        ("ssl=true", "require", "require"),
        ("ssl=require&sslmode=require", "require", "require"),
    ],
)
def test_tls_is_what_the_url_says_and_not_what_bool_makes_of_it(query: str, mode: str, argument: object) -> None:
    found = database_url(f"postgresql://h/x?{query}")
    assert found.sslmode == mode
    assert found.asyncpg()["ssl"] == argument


def test_certificate_files_make_a_context(tmp_path: Path) -> None:
    root = certifi.where()
    context = database_url(f"postgresql://h/x?sslmode=verify-full&sslrootcert={root}").asyncpg()["ssl"]
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    context = database_url(f"postgresql://h/x?sslmode=require&sslrootcert={root}").asyncpg()["ssl"]
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_REQUIRED)  # as libpq does
    missing = database_url(f"postgresql://h/x?sslmode=require&sslcert={tmp_path / 'none.pem'}")
    with pytest.raises(OSError, match="No such file"):
        missing.asyncpg()


def test_a_unix_socket_is_a_folder_in_the_query() -> None:
    found = database_url("postgresql://postgres@/aether_test?host=/tmp/pg&sslmode=require")
    assert (found.host, found.user, found.database, found.asyncpg()["ssl"]) == (
        "/tmp/pg",
        "postgres",
        "aether_test",
        False,
    )
    assert str(found) == "postgresql://postgres@/aether_test?host=/tmp/pg"


def test_the_pool_and_the_connection_can_be_set() -> None:
    found = database_url("postgresql://h/x?minsize=2&maxsize=20&application_name=gate&statement_cache_size=0")
    assert found.pool == (2, 20)
    assert found.asyncpg()["server_settings"] == {"application_name": "gate"}
    assert found.asyncpg()["statement_cache_size"] == 0
    assert "statement_cache_size" not in database_url("postgresql://h/x").asyncpg()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no URL of a database"),
        ("./x.db", "no URL of a database"),
        ("sqlite:///a\0b", "no URL of a database"),
        ("mysql://h/x", '"mysql" is no database'),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "cannot live in memory"),
        ("sqlite:///data/", "names no file"),
        ("sqlite:///x.db?mode=ro", "no .parameters"),
        ("postgresql://h", "no name of a database"),
        ("postgresql://h/a/b", "no name of a database"),
        ("postgresql://h:x/a", "in the URL of the database"),
        ("postgresql://h:99999/a", "in the URL of the database"),
        ("postgresql://[h/a", "in the URL of the database"),
        ("postgresql://a,b/x", "several hosts"),
        ("postgresql://h/x?sslmod=require", 'did you mean "sslmode"'),
        ("postgresql://h/x?channel_binding=require", "not a parameter that is known"),
        ("postgresql://h/x?sslmode=maybe", "sslmode=maybe is not one of"),
        ("postgresql://h/x?sslmode=disable&ssl=true", "contradict"),
        ("postgresql://h/x?sslmode=verify-ca&sslcert=c", "needs sslrootcert"),
        ("postgresql://h/x?maxsize=many", "maxsize=many is not a whole number"),
        ("postgresql://h/x?minsize=9&maxsize=3", "a pool of 9 to 3"),
    ],
)
def test_a_wrong_url_is_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        database_url(text)


def test_a_password_is_in_no_message_and_no_picture() -> None:
    found = database_url("postgresql://joe:hush@h/x")
    assert "hush" not in f"{found} {found!r}"
    for text in (
        "postgresql://joe:hush@h:port/x",
        "postgresql://joe:hush@h/",
        "postgresql://joe:hush@h/x?a=1",
        "my://a:hush@h/x",
    ):
        with pytest.raises(ValueError, match=r".") as caught:
            database_url(text)
        assert "hush" not in str(caught.value)
