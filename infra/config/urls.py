"""DATABASE_URL in every form that people have → DatabaseUrl."""

from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from infra.config.database import DatabaseUrl, SslMode
from infra.config.faults import did_you_mean

_MODES: dict[str, SslMode] = {
    "disable": "disable",
    "allow": "allow",
    "prefer": "prefer",
    "require": "require",
    "verify-ca": "verify-ca",
    "verify-full": "verify-full",
    **dict.fromkeys(("false", "off", "no", "0"), "disable"),
    **dict.fromkeys(("true", "on", "yes", "1"), "require"),
}
_DRIVERS = ("", "asyncpg", "psycopg", "psycopg2", "aiosqlite", "pysqlite")
_FILES = ("sslrootcert", "sslcert", "sslkey")
_KNOWN = {"host", "port", "user", "password", "dbname", "sslmode", "ssl", "application_name", *_FILES}
_KNOWN |= {"statement_cache_size", "minsize", "maxsize", "min_size", "max_size"}


def database_url(text: str) -> DatabaseUrl:
    """Reads sqlite:///./file.db, sqlite+aiosqlite:///…, postgresql://…, postgres://…, postgresql+asyncpg://…

    As in SQLAlchemy three slashes begin a relative path and four an absolute one. Raises ValueError with a sentence
    that never holds the URL itself, since a password may be in it.
    """
    scheme, found, rest = text.strip().partition("://")
    dialect, _, driver = scheme.lower().partition("+")
    if not found or driver not in _DRIVERS or not text.isprintable():
        raise ValueError(
            "no URL of a database: write sqlite:///./aethergate.db or postgresql://user:password@host/name"
        )
    if dialect == "sqlite":
        return _sqlite(rest)
    if dialect not in ("postgres", "postgresql", "asyncpg"):
        raise ValueError(f'"{dialect}" is no database that is spoken here: sqlite and postgresql are')
    try:
        parts = urlsplit(f"postgresql://{rest}")
        return _postgres(parts, parts.port)
    except ValueError as wrong:
        raise ValueError(f"in the URL of the database: {wrong}") from None


def _sqlite(rest: str) -> DatabaseUrl:
    path, _, query = rest.partition("?")
    path = path.removeprefix("/")
    if query:
        raise ValueError("sqlite takes no ?parameters here: the gateway sets its own")
    if path in ("", ":memory:") or path.endswith("/"):
        raise ValueError("the URL names no file: balances cannot live in memory, write sqlite:///./aethergate.db")
    return DatabaseUrl("sqlite", path=path)


def _postgres(parts: SplitResult, port: int | None) -> DatabaseUrl:
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in query:
        if name not in _KNOWN:
            raise ValueError(f'"{name}" is not a parameter that is known here{did_you_mean(name, _KNOWN)}')
    host = query.get("host") or unquote(parts.hostname or "")
    if "," in parts.netloc.rpartition("@")[2] + host:
        raise ValueError("several hosts: one is used")
    database = unquote(parts.path.removeprefix("/")) or query.get("dbname", "")
    if not database or "/" in database:
        raise ValueError("no name of a database: it ends with /name")
    found = DatabaseUrl(
        "postgres",
        host=host,
        port=_number(query, "port", port or 5432, 65535),
        user=query.get("user") or (unquote(parts.username) if parts.username else None),
        password=query.get("password") or (unquote(parts.password) if parts.password else None),
        database=database,
        sslmode=_sslmode(query, socket=host.startswith("/")),
        files={name: query[name] for name in _FILES if query.get(name)},
        pool=_pool(query),
        application_name=query.get("application_name") or "aethergate",
        statement_cache_size=_number(query, "statement_cache_size", 0, 100_000)
        if "statement_cache_size" in query
        else None,
    )
    if found.sslmode in ("verify-ca", "verify-full") and found.files and "sslrootcert" not in found.files:
        raise ValueError(f"sslmode={found.sslmode} needs sslrootcert")
    return found


def _sslmode(query: Mapping[str, str], socket: bool) -> SslMode:
    """`sslmode` is libpq's word, `ssl` that of SQLAlchemy and Tortoise; both at once must mean the same."""
    said = {name: query[name].lower() for name in ("sslmode", "ssl") if name in query}
    for name, word in said.items():
        if word not in _MODES:
            raise ValueError(
                f"{name}={word[:40]} is not one of disable, allow, prefer, require, verify-ca, verify-full"
            )
    modes = {_MODES[word] for word in said.values()}
    if len(modes) > 1:
        raise ValueError("ssl and sslmode contradict each other: keep sslmode")
    return "disable" if socket else modes.pop() if modes else "prefer"


def _pool(query: Mapping[str, str]) -> tuple[int, int]:
    least = _number(query, "minsize" if "minsize" in query else "min_size", 1, 1000)
    most = _number(query, "maxsize" if "maxsize" in query else "max_size", max(10, least), 1000)
    if not least <= most or most < 1:
        raise ValueError(f"a pool of {least} to {most} connections")
    return least, most


def _number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > most:
        raise ValueError(f"{name}={text[:40]} is not a whole number up to {most:,}")
    return int(text)
