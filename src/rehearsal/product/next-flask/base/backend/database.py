"""PostgreSQL, through a small pool."""

import os

from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

_pool: ConnectionPool | None = None


def open_pool() -> None:
    global _pool
    _pool = ConnectionPool(
        os.environ["DATABASE_URL"], min_size=1, max_size=8, timeout=5, kwargs={"row_factory": dict_row}, open=True
    )


def query(text: str, *values: object) -> list[dict]:
    assert _pool is not None, "open_pool comes first"
    with _pool.connection() as connection:
        return connection.execute(text, values).fetchall()


def newest_migration() -> str | None:
    rows = query("SELECT name FROM schema_migrations ORDER BY name DESC LIMIT 1")
    return rows[0]["name"] if rows else None
