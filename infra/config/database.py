"""Where the database is, as an object that both databases are opened from.

Tortoise's own reader of URLs casts `?ssl=false` to True and fails on `sslmode`; urls.py reads them instead.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """One database. SQLite has `path`; PostgreSQL the rest."""

    dialect: Literal["sqlite", "postgres"]
    path: str = ""
    """SQLite: the file, relative to the working directory unless it begins with a slash."""
    host: str = ""
    """A name, an address, or the folder of a Unix socket; empty: libpq's default (PGHOST, then the local socket)."""
    port: int = 5432
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str = ""
    sslmode: SslMode = "prefer"
    """As libpq defines it; `disable` on a Unix socket."""
    files: Mapping[str, str] = field(default_factory=dict)
    """TLS files: sslrootcert, sslcert, sslkey."""
    pool: tuple[int, int] = (1, 10)
    """Fewest and most connections of the pool."""
    application_name: str = "aethergate"
    statement_cache_size: int | None = None
    """0 behind PgBouncer in transaction mode."""
    search_path: str | None = None
    """The schema that is worked in; None: as the server sets it."""

    def __str__(self) -> str:
        """For screens and logs: without the password."""
        if self.dialect == "sqlite":
            return f"sqlite:///{self.path}"
        user = f"{self.user}@" if self.user else ""
        where = f"/{self.database}?host={self.host}" if "/" in self.host else f"{self.host}:{self.port}/{self.database}"
        return f"postgresql://{user}{where}"

    def asyncpg(self) -> dict[str, Any]:
        """Keyword arguments of asyncpg.connect, and of create_pool beside its own sizes."""
        found: dict[str, Any] = {"port": self.port, "database": self.database, "ssl": self.tls()}
        found |= {"host": self.host} if self.host else {}
        found |= {name: value for name in ("user", "password") if (value := getattr(self, name)) is not None}
        if self.statement_cache_size is not None:
            found["statement_cache_size"] = self.statement_cache_size
        settings = {"application_name": self.application_name}
        settings |= {"search_path": self.search_path} if self.search_path is not None else {}
        return {**found, "server_settings": settings}

    def tls(self) -> bool | str | ssl.SSLContext:
        """asyncpg's `ssl` argument; with certificate files a context, since asyncpg takes those only from a DSN.

        Raises OSError or ssl.SSLError where a file cannot be read.
        """
        if self.sslmode == "disable":
            return False
        if not self.files:
            return self.sslmode
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self.sslmode == "verify-full"
        if root := self.files.get("sslrootcert"):
            context.load_verify_locations(root)
        else:
            context.verify_mode = ssl.CERT_NONE
        if certificate := self.files.get("sslcert"):
            context.load_cert_chain(certificate, self.files.get("sslkey"))
        return context
