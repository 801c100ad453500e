"""How much of its weight budget a partner has used in the minute that ends now."""

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
    """Return what is used, charging nothing. Raises Unavailable without Valkey."""
    try:
        answer: Any = await cast("Any", client.eval(SCRIPT, 1, window_key(partner_id)))
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey can't be asked: {error}") from error
    used, free_in_ms = answer
    return WeightUsed(int(used), int(free_in_ms))
