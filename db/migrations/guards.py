"""Triggers that keep rows as they were written: no verb, page or hand may change what somebody said.

They stand aside for one thing: while a tombstone is being written (`done_at` is NULL, seen only inside that very
transaction), `forget` may remove a person's rows. Frozen like the migrations that use it.
"""

from alembic import op

_ERASING = "EXISTS (SELECT 1 FROM tombstone WHERE done_at IS NULL)"


def guard(table: str) -> None:
    """Refuse UPDATE and DELETE on the table."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER keep_{table}_{verb.lower()} BEFORE {verb} ON {table} WHEN NOT {_ERASING} "
                f"BEGIN SELECT RAISE(ABORT, 'keep_{table}: rows of {table} never change'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION keep_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF NOT {_ERASING} THEN RAISE EXCEPTION 'keep_%: rows of % never change', TG_TABLE_NAME, TG_TABLE_NAME "
        "USING ERRCODE = 'restrict_violation'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    op.execute(
        f"CREATE TRIGGER keep_{table} BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION keep_row()"
    )
