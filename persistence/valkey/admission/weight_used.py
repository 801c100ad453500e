"""How much of its weight budget a partner has used in the current window."""

from pathlib import Path
from typing import Final
from uuid import UUID

from valkey.asyncio import Valkey

from domain.actions.cabinet.queries import WeightUsed
from persistence.valkey.admission.controller import window_key
from persistence.valkey.connection.client import reply

SCRIPT: Final = (Path(__file__).parent / "weight_used.lua").read_text()


async def weight_used(client: Valkey, partner_id: UUID) -> WeightUsed:
    """Return the weight used, without charging any. Raises Unavailable."""
    script = client.register_script(SCRIPT)
    used, free_in_ms = await reply(script(keys=[window_key(partner_id)]))
    return WeightUsed(int(used), int(free_in_ms))
