"""The API keys."""

import sqlalchemy as sa
from alembic import op

from app.migrations.first_schema.columns import moment, moment_of_writing, random_id


def create_keys() -> None:
    """Create `api_key`, which stores the digests of the keys and never the keys."""
    op.create_table(
        "api_key",
        random_id(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        moment_of_writing("created"),
        moment("revoked", nullable=True),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name=op.f("ck_api_key_name")),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_api_key_digest")),
        sa.CheckConstraint("length(hint) BETWEEN 1 AND 8", name=op.f("ck_api_key_hint")),
        sa.CheckConstraint("revoked >= created", name=op.f("ck_api_key_revoked")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_api_key_name")),
    )
