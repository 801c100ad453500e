"""The names of the database roles of an installation."""

from typing import Final

GATEWAY: Final = "swapgate_gateway"
SETTLEMENT: Final = "swapgate_settlement"
ADMIN: Final = "swapgate_admin"
LOGINS: Final = (GATEWAY, SETTLEMENT, ADMIN)
"""The roles that processes and commands log in as."""

FUNCTION_OWNERS: Final = tuple(
    f"swapgate_functions_{subject}"
    for subject in ("cabinet", "chains", "ledger", "market", "orders", "partners", "webhooks")
)
"""The roles whose rights the functions of each subject have; nobody logs in as them."""
