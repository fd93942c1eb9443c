"""Looking at a database as a query would that knows nothing of engines."""

from __future__ import annotations

from sqlalchemy import URL, create_engine, inspect
from sqlalchemy.pool import NullPool

from deckinfra.core.urls import DatabaseURL


def tables_at(url: DatabaseURL) -> list[str]:
    """Give the names of the tables; raises what SQLAlchemy does."""
    server = url.dialect != "sqlite"
    target = URL.create(
        f"{url.dialect}+{url.driver or 'pymysql'}" if server else "sqlite",
        username=url.username or None,
        password=url.password.reveal() if url.password else None,
        host=url.host or None,
        port=url.port,
        database=url.database,
    )
    return inspect(create_engine(target, poolclass=NullPool)).get_table_names()
