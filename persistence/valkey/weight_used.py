"""How much of its weight budget a partner has used in the current window."""

from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.actions.cabinet.queries import WeightUsed
from domain.errors import Unavailable
from persistence.valkey.admission import window_key

SCRIPT: Final = (Path(__file__).parent / "weight_used.lua").read_text()


async def weight_used(client: Valkey, partner_id: UUID) -> WeightUsed:
    """Return the weight used, without charging any; raise Unavailable."""
    try:
        reply: Any = await cast("Any", client.eval(SCRIPT, 1, window_key(partner_id)))
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    used, free_in_ms = reply
    return WeightUsed(int(used), int(free_in_ms))
