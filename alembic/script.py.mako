"""${message}

Revises: ${down_revision | comma,n}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

# It runs beside ingest and beside the version before, which has to go on working with it:
# - It waits for each lock for 50 ms, and is begun again from its start where that is not enough
#   (`app.database.migrations.patiently`). Take the locks first, and do nothing slow under one that stops writes.
# - An index on activity_event: `app.database.migrations.create_event_index`, alone in its revision.
# - Columns are added nullable or with a constant default; what the version before uses goes later.
# docs/operations.md, "Upgrades", has the reasons.


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
