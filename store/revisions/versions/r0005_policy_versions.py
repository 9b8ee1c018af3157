"""What does revision 0005 change? Policies are published, one version after the other."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE policy_versions (
        version integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        digest text NOT NULL REFERENCES policies,
        published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        author text NOT NULL,
        note text
    )
    """,
    "COMMENT ON TABLE policy_versions IS 'new cases begin under the latest; none: under the file'",
    "CREATE INDEX cases_open_policy ON cases (policy_digest) WHERE closed_at IS NULL",
)


def upgrade() -> None:
    """Add the table; nothing is published yet."""
    for statement in _STATEMENTS:
        op.execute(statement)
