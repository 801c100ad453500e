"""One order on real chains, from its creation to the amount that its recipient received."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.support.chains.nodes import regtest_address

if TYPE_CHECKING:
    from tests.support.chains.world import World


class Swap:
    """An order as its partner sees it, and the wallet of the user who pays it."""

    def __init__(self, world: "World", opened: dict[str, Any]) -> None:
        self.world = world
        self.id: str = opened["id"]
        self.token: str = opened["token"]
        self.pay_in: str = opened["from"]["address"]
        self.recipient: str = opened["to"]["address"]

    def now(self) -> dict[str, Any]:
        request = {"id": self.id, "token": self.token}
        return dict(self.world.partner.call("/order", request).data)

    def until(self, status: str) -> dict[str, Any]:
        self.world.until(lambda: self.now()["status"] == status)
        return self.now()

    def pay_litecoin(self, amount: str) -> str:
        return self.world.litecoind.pay("user", regtest_address(self.pay_in), amount)

    def received_token(self) -> Decimal:
        world = self.world
        return Decimal(world.anvil.token_balance(world.token, self.recipient)).scaleb(-6)

    def received_ether(self) -> Decimal:
        return Decimal(self.world.anvil.balance(self.recipient)).scaleb(-18)

    def received_litecoin(self) -> Decimal:
        return self.world.litecoind.received(regtest_address(self.recipient))
