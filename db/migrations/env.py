"""What Alembic runs for every command: it takes the connection that `db.migrate` opened."""

from alembic import context

from db.columns import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
