"""How Alembic reaches the database: over the connection that ``grs.db.schema`` hands it."""

from alembic import context

from grs.db import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.ALL_TABLES,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
