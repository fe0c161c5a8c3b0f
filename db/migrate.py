"""Brings a database to the schema of this code, from nothing or from an older one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, text

from db.errors import SchemaError
from db.store import border, make_engine, where

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x766C666175  # "vlfau": two processes that start at once migrate one after the other


def upgrade(url: str | None = None, folder: str | Path | None = None, target: str = "head") -> None:
    """Create or migrate the database; all of it or nothing. Arguments as of `db.store.Store`."""
    location, _ = where(url, folder)
    engine = make_engine(location, foreign_keys=False)
    try:
        with border():
            _for_nobody_else(location)
        with border(), engine.connect().execution_options(writes=True) as connection, connection.begin():
            if location.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, target)
            if location.get_backend_name() == "sqlite":
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise SchemaError(
                        f"The database was not migrated. {len(broken)} rows point to rows that are not there, the "
                        f"first in table {broken[0][0]}. It is as it was; restore a backup or run: python -m db check"
                    )
    finally:
        engine.dispose()


def _for_nobody_else(location: URL) -> None:
    """A new SQLite file is its owner's alone: it holds the hashes of passwords; SQLite's other files follow it."""
    if location.get_backend_name() == "sqlite" and location.database not in (None, "", ":memory:"):
        Path(str(location.database)).touch(0o600)


def configuration() -> Config:
    """Alembic's settings; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config
