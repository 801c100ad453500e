"""Puts changes of partners into effect in every worker, before the response to them."""

import asyncio
from uuid import UUID

from valkey.asyncio import Valkey

from domain.changes import PROPAGATION_SECONDS
from domain.errors import Unavailable
from persistence.postgres.partners.partners import read_revision
from persistence.postgres.pool import Database
from persistence.valkey.admission.revisions import publish_revision
from persistence.valkey.notices import publish_change


async def put_into_effect(
    database: Database, valkey: Valkey, partner_id: UUID, *, revision: int | None
) -> None:
    """See PartnerChanged: publish the revision, and wake all processes.

    If Valkey is unavailable, the time passes within which every process reads the change itself.
    """
    if revision is None:
        revision = await read_revision(database, partner_id)
    try:
        await publish_revision(valkey, partner_id, revision)
    except Unavailable:
        await publish_change(valkey)
        await asyncio.sleep(PROPAGATION_SECONDS)
    else:
        await publish_change(valkey)
