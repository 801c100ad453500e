"""Create, show and change partners; reset what their people sign in with."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.actions.cabinet.manage_team import one_time_password
from domain.actions.partners import create_partner as creation
from domain.actions.partners.create_partner import CreatedPartner, NewPartner
from domain.actions.partners.ports import OnboardingPorts
from domain.changes import PartnerChanged
from domain.partners.partner import Partner, PartnerChange, checked_change


class OperatorPartnerRepository(Protocol):
    """The operator's view of partners. Each method raises Unavailable."""

    async def list(self) -> Sequence[Partner]:
        """Return all partners, oldest first, without the default partner."""

    async def find(self, who: str) -> Partner:
        """Return the partner with this id or e-mail address; raise NotFound."""

    async def change(self, partner_id: UUID, change: PartnerChange) -> Partner:
        """Change some settings; return the partner then. Raises NotFound."""

    async def set_one_time_password(
        self, partner_id: UUID, *, member_id: UUID, password_hash: str, now: datetime
    ) -> str:
        """Set the password of the partner's owner; return the e-mail address to sign in with.

        Creates the member `member_id` if there is none. Raises NotFound, and InvalidCommand if the
        address belongs to a member of another partner.
        """

    async def set_member_password(
        self, who: str, *, password_hash: str, entry_id: UUID, now: datetime
    ) -> str | None:
        """Set a one-time password for a member; return the e-mail address, None without one.

        The partner's audit log gets the entry `entry_id`.
        """

    async def turn_off_second_factor(self, who: str, *, entry_id: UUID, now: datetime) -> str:
        """Turn off a member's second factor; return the member's e-mail address.

        The partner's audit log gets the entry `entry_id`. Raises NotFound without a member or a
        second factor.
        """


class PartnerPorts(msgspec.Struct, frozen=True):
    """What the operator's actions on partners need."""

    partners: OperatorPartnerRepository
    onboarding: OnboardingPorts
    hash_password: Callable[[str], str]
    changed: PartnerChanged


class NewPassword(msgspec.Struct, frozen=True):
    """A one-time password, and the e-mail address to sign in with."""

    email: str
    password: str


async def create_partner(ports: PartnerPorts, new: NewPartner) -> CreatedPartner:
    """Create a partner that can call at once; raise InvalidCommand."""
    created = await creation.create_partner(ports.onboarding, new)
    await ports.changed(created.partner.id)
    return created


async def list_partners(ports: PartnerPorts) -> Sequence[Partner]:
    """Return all partners, oldest first."""
    return await ports.partners.list()


async def show_partner(ports: PartnerPorts, who: str) -> Partner:
    """Return the partner with this id or e-mail address; raise NotFound."""
    return await ports.partners.find(who)


async def change_partner(ports: PartnerPorts, who: str, change: PartnerChange) -> Partner:
    """Change some of a partner's settings; return it then. Raises InvalidCommand and NotFound."""
    partner = await ports.partners.find(who)
    checked = checked_change(change, insecure_webhooks=ports.onboarding.insecure_webhooks)
    changed = await ports.partners.change(partner.id, checked)
    await ports.changed(partner.id)
    return changed


async def reset_password(ports: PartnerPorts, who: str) -> NewPassword:
    """Set a one-time password for a member of any team, or for a partner's owner.

    It ends all sessions, known devices and links of the member; the second factor is unchanged.
    Raises InvalidCommand and NotFound.
    """
    password = one_time_password(ports.onboarding.randomness)
    member = await ports.partners.set_member_password(
        who,
        password_hash=ports.hash_password(password),
        entry_id=ports.onboarding.new_id(),
        now=ports.onboarding.clock.now(),
    )
    if member is not None:
        return NewPassword(member, password)
    partner = await ports.partners.find(who)
    email = await ports.partners.set_one_time_password(
        partner.id,
        member_id=ports.onboarding.new_id(),
        password_hash=ports.hash_password(password),
        now=ports.onboarding.clock.now(),
    )
    return NewPassword(email, password)


async def turn_off_second_factor(ports: PartnerPorts, who: str) -> str:
    """Turn off a member's second factor; return the member's e-mail address. Raises NotFound."""
    return await ports.partners.turn_off_second_factor(
        who, entry_id=ports.onboarding.new_id(), now=ports.onboarding.clock.now()
    )
