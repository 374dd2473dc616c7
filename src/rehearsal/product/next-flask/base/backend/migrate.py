"""Applies the numbered migrations that are not yet in schema_migrations, each in a transaction of its own."""

import os
from pathlib import Path

import psycopg

FOLDER = Path(__file__).parent / "migrations"


def main() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, connect_timeout=5) as connection:
        # Two deployments may start at the same moment; only one migrates.
        connection.execute("SELECT pg_advisory_lock(727002)")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = {name for (name,) in connection.execute("SELECT name FROM schema_migrations")}
        for file in sorted(FOLDER.glob("[0-9][0-9][0-9]_*.sql")):
            if file.stem in applied:
                continue
            with connection.transaction():
                connection.execute(file.read_bytes())
                connection.execute("INSERT INTO schema_migrations (name) VALUES (%s)", (file.stem,))
            print(f"migration {file.stem} applied", flush=True)


if __name__ == "__main__":
    main()
