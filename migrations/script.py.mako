<%! import json %>\
"""${message}"""

from __future__ import annotations
% if upgrades:

import sqlalchemy as sa
from alembic import op
% endif
% if imports:
${imports}
% endif

revision = ${json.dumps(up_revision)}
down_revision = ${json.dumps(down_revision) if down_revision else None}


def upgrade() -> None:
    """Apply the change."""
% if upgrades:
    ${upgrades}
% endif


def downgrade() -> None:
    """Take the change back."""
% if upgrades:
    ${downgrades}
% endif
