"""The store: one database and one folder of photos, and the two ways in, to read and to change."""

import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar, TypeVarTuple

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Result,
    Select,
    Table,
    bindparam,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from db.columns import Base
from db.content import ContentStore
from db.errors import Conflict, NotAllowed, SchemaError, StoreBusy, StoreError
from db.roles import PERMISSIONS, Actor, Role
from db.rows import TABLES, encode, key_of
from db.tables import Annotator, Event
from db.turn import Turn
from db.values import BackupStanding

T = TypeVar("T", bound=Base)
Columns = TypeVarTuple("Columns")

REVISION = "0006"
"""The schema this code works with; a test compares it with the newest migration."""

DEFAULT_FOLDER = Path("data")
URL_VARIABLE = "VLFAU_DATABASE_URL"
BUSY_SECONDS = 30
"""How long a writer waits for others on SQLite."""

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # what was acknowledged to an annotator is on the disk, also when the power goes
    "foreign_keys = ON",
    "secure_delete = ON",  # who is forgotten leaves no bytes in free pages
    "cache_size = -32000",  # KiB
)


_insert = cache(insert)
_STANDING = select(Annotator.role, Annotator.blocked_at).where(Annotator.id == bindparam("annotator"))


class Work(Session):
    """A session that knows who does what, and notes every row it changes."""

    def __init__(self, store: "Store", connection: Connection, actor: Actor, verb: str) -> None:
        super().__init__(connection, expire_on_commit=False)
        self._line = connection
        self.store = store
        self.actor = actor
        self.verb = verb
        self.now = store.clock()
        self.random = store.random
        self.images = store.images
        self.changes: list[dict[str, Any]] = []
        self._loaded: list[object] = []

    @property
    def annotator_id(self) -> int:
        """Who does this, when it must be a person who signed in."""
        if self.actor.annotator_id is None:
            raise NotAllowed(
                f"Only a person who signed in can {self.verb}. The operator asked. Sign in with a name."
            )
        return self.actor.annotator_id

    def locked(self, table: type[T], key: int) -> T | None:
        """A row by its number that nobody else changes until the end of the transaction.

        On SQLite the transaction has the lock on everything, and what it has read stays true.
        """
        elsewhere = not self.store.is_sqlite
        return self.get(table, key, with_for_update=elsewhere or None, populate_existing=elsewhere)

    def permit(self) -> None:
        """Raises `NotAllowed` unless the actor's role, as the database has it now, includes this verb."""
        needed = PERMISSIONS[self.verb]
        if self.actor.annotator_id is None:
            return
        standing = self.plain(_STANDING, {"annotator": self.actor.annotator_id}).first()
        if standing is None or standing.blocked_at is not None:
            raise NotAllowed(
                "This person may not use the store. There is no such annotator, or they were blocked. "
                "Sign in again, or ask an admin."
            )
        if not Role(standing.role).includes(needed):
            raise NotAllowed(
                f"Only {needed.article} may do this ({self.verb}). You are {Role(standing.role).article}. "
                "Ask an admin for that role."
            )

    def plain(
        self, query: Select[*Columns], values: Mapping[str, Any], flush: bool = True
    ) -> Result[*Columns]:
        """Rows of columns and not of objects: past the session, which takes three times as long.

        `flush` False is for tables of which the session holds nothing back: it then writes once, at the end.
        """
        if flush:
            self.flush()
        return self._line.execute(query, values)

    def write_row(self, table: type[Base], values: dict[str, Any]) -> int:
        """Insert a row with all its columns but the id, which is returned; see `write_rows`."""
        self.flush()  # what makes room for it comes first: the database allows one lease in hand
        inserted: Any = self._line.execute(_insert(table), values).inserted_primary_key
        self.changes.append(_change("insert", TABLES[table.__tablename__], {"id": inserted[0]} | values))
        return int(inserted[0])

    def write_rows(self, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows with all their columns that nobody looks at again in here: cheaper than objects of a session."""
        self.flush()
        if rows:
            self._line.execute(_insert(table), rows)
            self.changes += [_change("insert", TABLES[table.__tablename__], row) for row in rows]

    def record(self) -> None:
        """Write the event of this unit of work, when it changed anything."""
        self.flush()
        if self.changes:
            values = {"at": self.now, "kind": self.verb, "actor_id": self.actor.annotator_id}
            self._line.execute(_insert(Event), values | {"changes": self.changes})


@event.listens_for(Work, "loaded_as_persistent")
def _keep(work: Work, row: object) -> None:
    """A session forgets rows that nobody holds; a unit of work is short, and asks for the same few again and again."""
    work._loaded.append(row)


@event.listens_for(Work, "after_flush")
def _note_changes(work: Work, _: Any) -> None:
    for row in _told(work.new):
        work.changes.append(_change("insert", *_content(row)))
    for row in _told(work.dirty):
        state = inspect(row)
        touched = set(state.attrs.keys()) - state.unmodified
        changed = [name for name in touched if state.attrs[name].history.has_changes()]
        if changed:
            work.changes.append(_change("update", *_content(row), changed))
    for row in _told(work.deleted):
        work.changes.append(_change("delete", *_content(row), ()))


def _told(rows: Iterable[Any]) -> Iterator[Any]:
    """Rows of which events tell: all but those with passwords."""
    return (row for row in rows if row.__tablename__ in TABLES)


def _content(row: Base) -> tuple[Table, dict[str, Any]]:
    table = TABLES[row.__tablename__]
    return table, {column.name: getattr(row, column.name) for column in table.columns}


def _change(
    operation: str, table: Table, values: dict[str, Any], columns: Iterable[str] | None = None
) -> dict[str, Any]:
    """One change as events have it; it tells of all columns, or of these."""
    wanted = values if columns is None else {name: values[name] for name in columns}
    change = {"op": operation, "table": table.name, "key": key_of(table, values)}
    return change | ({"values": encode(table, wanted)} if wanted else {})


class StoreKeeper(Protocol):
    """Who keeps copies of a store elsewhere, and has a word in what may be told as stored: `db.keeper`."""

    @property
    def standing(self) -> BackupStanding:
        """How the copies stand."""

    def permit(self) -> None:
        """Raises when nothing may be changed."""

    def confirm(self) -> None:
        """Returns when what was stored may be acknowledged; raises when it may not."""

    def stop(self) -> None:
        """A last copy, and no more."""


class Store:
    """Opens a database that is up to date, and the photos beside it.

    `url` None takes `VLFAU_DATABASE_URL`, or the SQLite file `vlfau.db` in `folder`. `folder` holds `images/`; None is
    the folder of the SQLite file, or `data`. `clock` and `rng` are there for tests. Raises `SchemaError` when the
    database was not created yet or has another schema.
    """

    def __init__(
        self,
        url: str | None = None,
        folder: str | Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: random.Random | None = None,
    ) -> None:
        self.url, self.folder = where(url, folder)
        self.clock = clock
        self.random = rng or random.SystemRandom()
        self.images = ContentStore(self.folder / "images")
        self.keeper: StoreKeeper | None = None
        self._engine = make_engine(self.url)
        self._turn = Turn(Path(f"{self.url.database}.turn")) if self.is_sqlite else None
        self._check_revision()

    @classmethod
    def open(cls, url: str | None = None, folder: str | Path | None = None) -> "Store":
        """Like `Store(...)`, but creates or migrates the database first."""
        from db.migrate import upgrade

        upgrade(url, folder)
        return cls(url, folder)

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Verbs in this block come one right after the other, if writers stand in a row: each is still by itself.

        Who answers a face and gets the next one waits once and not twice, and nobody waits for a crowd that stands in
        two rows at a time. When the turn is over, the `keeper` confirms what was stored.
        """
        if self.keeper is not None:
            self.keeper.permit()
        with self._turn.taken() if self._turn else nullcontext(True) as outermost:
            yield
        if self.keeper is not None and outermost:
            self.keeper.confirm()

    @contextmanager
    def unit_of_work(self, actor: Actor, verb: str) -> Iterator[Work]:
        """One transaction that changes: all of it or nothing, permitted, and written down as an event.

        On SQLite it has the write lock from the start, so that what it reads stays true until it writes.
        """
        with (
            border(),
            self.turn(),
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
            Work(self, connection, actor, verb) as work,
        ):
            work.permit()
            yield work
            work.record()

    @contextmanager
    def reading(self, actor: Actor, verb: str) -> Iterator[Work]:
        """One transaction that only reads, and sees one moment."""
        options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with (
            border(),
            self._engine.connect().execution_options(**options) as connection,
            Work(self, connection, actor, verb) as work,
        ):
            work.permit()
            yield work

    def answers(self) -> bool:
        """Whether the database answers."""
        try:
            with border(), self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except StoreError:
            return False
        return True

    def truncate_log(self) -> None:
        """SQLite: write everything into the database file and empty the log beside it."""
        with border(), self._engine.connect() as connection:
            connection.rollback()
            connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    def _check_revision(self) -> None:
        found = revision(self._engine)
        if found != REVISION:
            raise SchemaError(
                f"The database does not fit this code. Its schema is {found or 'missing'}; {REVISION} is needed. "
                "Run: python -m db upgrade"
            )


def where(url: str | None, folder: str | Path | None) -> tuple[URL, Path]:
    """The database's URL and the folder of its files, from what was given, the environment, and the defaults."""
    given = url or os.environ.get(URL_VARIABLE)
    found = (
        make_url(given)
        if given
        else URL.create("sqlite", database=str(Path(folder or DEFAULT_FOLDER) / "vlfau.db"))
    )
    if found.get_backend_name() == "postgresql":
        return found.set(drivername="postgresql+psycopg"), Path(folder or DEFAULT_FOLDER)
    if found.get_backend_name() != "sqlite" or not found.database or found.database == ":memory:":
        raise StoreError(
            f"This database cannot be used. Found {found.render_as_string()}. "
            "Give sqlite:///FILE or postgresql://USER@HOST/NAME."
        )
    return found, Path(folder) if folder else Path(found.database).parent


def make_engine(url: URL, foreign_keys: bool = True) -> Engine:
    """An engine with our settings; a migration takes SQLite's foreign keys off."""
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    with border():
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if not foreign_keys:
            connection.execute("PRAGMA foreign_keys = OFF")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def revision(engine: Engine) -> str | None:
    """The schema revision of a database, None when it has none."""
    with border(), engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def border() -> Iterator[None]:
    """Errors of the database become ours."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(
            f"The database refuses this change. A rule was broken: {_reason(error)}. "
            "Load the page again and repeat what you did."
        ) from error
    except OperationalError as error:
        if any(word in str(error.orig) for word in ("locked", "busy", "deadlock", "could not serialize")):
            raise StoreBusy(
                f"The database is busy. Others hold what is needed: {_reason(error)}. Try again in a moment."
            ) from error
        raise StoreError(
            f"The database does not answer. It says: {_reason(error)}. Check that it runs, its disk and permissions."
        ) from error
    except OSError as error:
        raise StoreError(
            f"The disk does not take it. It says: {error.strerror or error}. Make room, or check the permissions."
        ) from error
    except (DBAPIError, SQLAlchemyError) as error:
        raise StoreError(
            f"The database cannot do this. It says: {_reason(error)}. Run: python -m db check"
        ) from error


def _reason(error: SQLAlchemyError) -> str:
    """The first line of what the driver said: names of constraints, and none of the values."""
    return str(getattr(error, "orig", None) or error).splitlines()[0].rstrip(".")
