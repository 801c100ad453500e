"""The operator's view of partners."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.partners.partner import Partner, PartnerChange
from persistence.postgres.cabinet.members import set_password_for
from persistence.postgres.cabinet.second_factors import turn_off_for
from persistence.postgres.partners.partners import (
    change_partner,
    find_partner,
    list_partners,
    set_password,
)
from persistence.postgres.pool import Database


class PostgresOperatorPartnerRepository:
    """OperatorPartnerRepository over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> Sequence[Partner]:
        """See OperatorPartnerRepository."""
        return await list_partners(self._database)

    async def find(self, who: str) -> Partner:
        """See OperatorPartnerRepository."""
        return await find_partner(self._database, who)

    async def change(self, partner_id: UUID, change: PartnerChange) -> Partner:
        """See OperatorPartnerRepository."""
        return await change_partner(self._database, partner_id, change)

    async def set_one_time_password(
        self, partner_id: UUID, *, member_id: UUID, password_hash: str, now: datetime
    ) -> str:
        """See OperatorPartnerRepository."""
        return await set_password(
            self._database,
            user_id=member_id,
            partner_id=partner_id,
            password_hash=password_hash,
            one_time=True,
            now=now,
        )

    async def set_member_password(
        self, who: str, *, password_hash: str, entry_id: UUID, now: datetime
    ) -> str | None:
        """See OperatorPartnerRepository."""
        return await set_password_for(
            self._database, who, password_hash=password_hash, entry_id=entry_id, now=now
        )

    async def turn_off_second_factor(self, who: str, *, entry_id: UUID, now: datetime) -> str:
        """See OperatorPartnerRepository."""
        return await turn_off_for(self._database, who, entry_id=entry_id, now=now)
