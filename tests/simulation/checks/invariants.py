"""What must be true after every step, whatever happens: each check yields what is not."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from domain.assets import Asset
from domain.market.conversion import Conversion, Rate
from domain.money import units_from
from domain.orders.order import Order
from tests.simulation.chains.chain import Chain, Receipt, Tx
from tests.simulation.checks.books import BookedOrder, BookedOutflow, BookedRefund, Books, units

HOT: Final = "hot"
FUNDING: Final = "funding"
MAX_COST_MULTIPLE: Final = 9
"""Three times what settlement accepts: prices have moved since it signed."""
MAX_COST_USD: Final = 10**18
MAX_EXCHANGED_USD: Final = 50_000 * 10**18
"""Ten times the maximum of a pair: prices move, and an order may be at the maximum."""


class Truth(msgspec.Struct, frozen=True):
    """What the chains say, and what the database says."""

    chains: Mapping[str, Chain]
    assets: Mapping[str, Asset]
    prices: Mapping[str, int]
    """By coin, in 10^-18 USD."""
    books: Books
    opened: Mapping[str, Order]
    """Orders as they were opened, by id."""
    network_fees: Mapping[str, AbstractSet[int]]
    """Every network fee that was in force, by asset, in smallest units."""
    consented: AbstractSet[str]
    """Orders for which the operator permitted an exchange above the maximum."""
    stale_writes: Sequence[str]
    """What processes wrote about outflows of networks that another one leads."""

    def is_reversed(self, *tx_ids: str) -> bool:
        """Return whether one of these was confirmed, and removed by a reorganization all the same.

        It may be in another block since, at another fee, or in none: nothing follows it any more.
        """
        return any(one in chain.reversed for one in tx_ids for chain in self.chains.values())

    def charged_for(self, outflow: BookedOutflow) -> int:
        """Return the network fee of a payout, or what a refund is less than what it is for."""
        books, asset = self.books, self.assets[outflow.asset]
        if outflow.kind == "deposit_refund":
            (refund,) = (one for one in books.refunds if one.id == outflow.order_id)
            return units(refund.amount, asset) - units(outflow.amount, asset)
        (order,) = (one for one in books.orders if one.id == outflow.order_id)
        if outflow.kind == "payout":
            return units(order.network_fee, asset)
        return self.refunded_by(order) - units(outflow.amount, asset)

    def refunded_by(self, order: BookedOrder) -> int:
        """Return what the refund of an order is for: its deposits.

        A completed order is refunded instead of a voided payout, and its excess by itself.
        """
        books, asset = self.books, self.assets[order.source]
        total = sum(
            units(one.amount, asset) for one in books.deposits_of(order.id) if one.is_counted
        )
        excess = books.excess_of(order.id) if order.state == "completed" else "0"
        return total - units(excess, asset)

    def is_dropped(self, refund: BookedRefund) -> bool:
        """Return whether the deposit of a refund is not in its chain any more, as recorded."""
        books = self.books
        return any(
            one.dropped
            and one.order_id == refund.order_id
            and (refund.is_excess or one.tx_id == refund.tx_id)
            for one in books.deposits
        ) or any(
            one.dropped and (one.tx_id, one.asset) == (refund.tx_id, refund.asset)
            for one in books.unclaimed
        )

    def receipts(self, network: str) -> Mapping[str, Receipt]:
        """Return what the best branch of a chain contains."""
        return self.chains[network].tip.receipts


class Violation(AssertionError):
    """Something that must always be true is not."""


Check = Callable[[Truth], Iterator[str]]


def nothing_is_sent_that_is_not_stored(truth: Truth) -> Iterator[str]:
    """Every transaction of a hot wallet that a node has seen was stored before."""
    stored = {tx_id for one in truth.books.outflows for tx_id in one.candidates}
    stored |= {tx_id for one in truth.books.voided for tx_id in one.tx_ids}
    for network, chain in truth.chains.items():
        for tx_id, tx in chain.known.items():
            if tx.sender == HOT and tx_id not in stored:
                yield f"{network}: {tx_id[:8]} was broadcast, and is not stored"


def only_the_leader_writes_outflows(truth: Truth) -> Iterator[str]:
    """Whoever led a network before writes nothing about its payments any more."""
    yield from truth.stale_writes


def each_order_is_sent_once(truth: Truth) -> Iterator[str]:
    """An order's recipient and refund address together receive one payment, and the right one.

    What exceeds a fixed rate's amount may follow it, once.
    """
    outflows = {one.order_id: one for one in truth.books.outflows}
    received: dict[str, list[tuple[str, int]]] = {}
    for chain in truth.chains.values():
        for tx_id, receipt in chain.tip.receipts.items():
            if chain.known[tx_id].sender == HOT:
                for one in receipt.transfers:
                    received.setdefault(one.address, []).append((one.asset, one.amount))
    for order in truth.books.orders:
        payments = [
            payment
            for address in (order.destination_address, order.refund_address)
            for payment in received.get(address, [])
        ]
        ids = (order.id, *(one.id for one in truth.books.excess_refunds(order.id)))
        due = [
            (one.asset, units(one.amount, truth.assets[one.asset]))
            for one in (outflows.get(each) for each in ids)
            if one is not None
        ]
        if Counter(payments) - Counter(due):
            yield f"order {order.name} was sent {payments} instead of {due}"


def arrivals(truth: Truth) -> Iterator[tuple[Tx, BookedOrder, int]]:
    """Yield what arrived for orders in blocks that were processed, and in how many books it is.

    An address may have been of several orders; the newest is yielded.
    """
    orders: dict[str, list[BookedOrder]] = {}
    for order in truth.books.orders:
        orders.setdefault(order.pay_in_address, []).append(order)
    booked = Counter((one.tx_id, one.order_id) for one in truth.books.deposits if not one.dropped)
    unclaimed = {
        (one.tx_id, one.address, one.asset) for one in truth.books.unclaimed if not one.dropped
    }
    for network, chain in truth.chains.items():
        height, block_hash = truth.books.blocks.get(network, (0, ""))
        if block_hash not in chain.tip.path:
            continue
        for tx_id, receipt in chain.tip.receipts.items():
            for one in receipt.transfers if receipt.height <= height else ():
                of_address = orders.get(one.address, ())
                if of_address:
                    places = sum(
                        booked[tx_id, order.id] for order in of_address if one.asset == order.source
                    )
                    places += (tx_id, one.address, one.asset) in unclaimed
                    yield chain.known[tx_id], of_address[-1], places


def each_arrival_is_in_one_book(truth: Truth) -> Iterator[str]:
    """Whatever arrived in a block that was processed is a deposit, or unclaimed, but not both.

    What a contract transferred is in no book until the operator has it credited.
    """
    for tx, order, places in arrivals(truth):
        if places > 1 or (places == 0 and not tx.is_internal):
            yield f"{tx.id[:8]} for order {order.name} is in {places} books"


def confirmed_amounts_are_those_of_the_chain(truth: Truth) -> Iterator[str]:
    """A confirmed deposit that is in the chain has the chain's amount."""
    orders = {order.id: order for order in truth.books.orders}
    for deposit in truth.books.deposits:
        order = orders[deposit.order_id]
        asset = truth.assets[order.source]
        receipt = truth.receipts(asset.network).get(deposit.tx_id)
        if receipt is None or not deposit.confirmed:
            continue
        arrived = sum(
            one.amount
            for one in receipt.transfers
            if (one.address, one.asset) == (order.pay_in_address, order.source)
        )
        if arrived != units(deposit.amount, asset):
            yield f"deposit {deposit.tx_id[:8]} of {order.name} is {arrived} on its chain"


def what_is_paid_out_is_what_was_deposited_at_the_order_s_rate(truth: Truth) -> Iterator[str]:
    """A payout is the counted deposits at the order's rate, a refund the deposits less its fee."""
    outflows = {one.order_id: one for one in truth.books.outflows}
    for order in truth.books.orders:
        source, destination = truth.assets[order.source], truth.assets[order.destination]
        total = sum(
            units(one.amount, source) for one in truth.books.deposits_of(order.id) if one.is_counted
        )
        if order.state in ("paying_out", "completed"):
            excess = units(truth.books.excess_of(order.id), source)
            yield from _payout_problems(order, total, source, destination, excess=excess)
        outflow = outflows.get(order.id)
        if outflow is not None:
            yield from _outflow_problems(truth, order, outflow)


def _payout_problems(
    order: BookedOrder, total: int, source: Asset, destination: Asset, *, excess: int
) -> Iterator[str]:
    exceeding = total - units(order.source_amount, source)
    is_later = order.rate_type == "fixed" and order.state == "paying_out"
    if exceeding != excess and not (is_later and exceeding > 0):
        yield f"order {order.name} counts {order.source_amount}, and its deposits are {total}"
    conversion = Conversion(
        Rate.parse(order.rate),
        network_fee=units(order.network_fee, destination),
        source=source,
        destination=destination,
    )
    if order.rate_type == "float" and conversion.paid_for(total) != units(
        order.destination_amount, destination
    ):
        yield f"order {order.name} pays {order.destination_amount} for {total}"


def _outflow_problems(truth: Truth, order: BookedOrder, outflow: BookedOutflow) -> Iterator[str]:
    is_payout = outflow.kind == "payout"
    states = ["paying_out", "completed"] if is_payout else ["held", "refunding", "refunded"]
    if any(one.order_id == order.id and one.is_refunded for one in truth.books.voided):
        states.append("completed")
    if outflow.candidates and order.state not in states:
        yield f"order {order.name} is {order.state}, and its {outflow.kind} is signed"
    asset = truth.assets[outflow.asset]
    due = (
        {units(order.destination_amount, asset)}
        if is_payout
        else {truth.refunded_by(order) - fee for fee in truth.network_fees[outflow.asset]}
    )
    if outflow.candidates and units(outflow.amount, asset) not in due:
        yield f"the {outflow.kind} of order {order.name} is {outflow.amount}, and {due} is due"


def no_transaction_costs_far_more_than_was_charged(truth: Truth) -> Iterator[str]:
    """What a recipient's code, or a fee spike, costs the hot wallet is bounded."""
    for outflow in truth.books.outflows:
        asset = truth.assets[outflow.asset]
        charged = truth.charged_for(outflow)
        permitted = units_from(truth.books.cost_bounds.get(outflow.order_id, "0"), 18)
        bound = charged * truth.prices[asset.coin] // 10**asset.precision
        chain = truth.chains[outflow.network]
        for tx_id in outflow.candidates:
            receipt = chain.tip.receipts.get(tx_id)
            coin = truth.assets[chain.coin].coin
            cost = receipt.fee * truth.prices[coin] // 10**chain.decimals if receipt else 0
            if cost > max(MAX_COST_MULTIPLE * bound, MAX_COST_USD, 3 * permitted):
                name = f"{outflow.kind} {outflow.order_id[-6:]}"
                yield f"{tx_id[:8]} of {name} cost {cost // 10**16} cents"


def nothing_is_signed_that_is_not_forwarded(truth: Truth) -> Iterator[str]:
    """No output of a hot wallet's transaction is dust, at whatever address."""
    for outflow in truth.books.outflows:
        amount = units(outflow.amount, truth.assets[outflow.asset])
        if outflow.candidates and amount < truth.chains[outflow.network].dust:
            yield f"the {outflow.kind} of {outflow.order_id[-6:]} is {amount}, which is dust"


def nothing_far_above_the_maximum_is_exchanged(truth: Truth) -> Iterator[str]:
    """Without the operator's consent no deposit far above the pair's maximum is paid out."""
    for order in truth.books.orders:
        asset = truth.assets[order.source]
        amount = units(order.source_amount, asset)
        worth = amount * truth.prices[asset.coin] // 10**asset.precision
        if order.id in truth.consented:
            continue
        if order.state in ("paying_out", "completed") and worth > MAX_EXCHANGED_USD:
            yield f"order {order.name} exchanges {worth // 10**18} USD"


def a_fixed_rate_never_rises(truth: Truth) -> Iterator[str]:
    """Unless an exchange at the live rate was chosen, a fixed rate is the best that is paid."""
    for order in truth.books.orders:
        if order.rate_type != "fixed" or order.choice == "EXCHANGE":
            continue
        if order.state not in ("paying_out", "completed"):
            continue  # an exchange that was chosen and then stopped leaves its rate
        rate, agreed = Rate.parse(order.rate), truth.opened[order.id].rate
        if rate.digits * 10**agreed.decimals > agreed.digits * 10**rate.decimals:
            yield f"order {order.name} is paid at {rate}, agreed was {agreed}"


def each_unusable_deposit_is_sent_back_once(truth: Truth) -> Iterator[str]:
    """A deposit's refund goes to the approved address, once, and its order does not use it."""
    orders = {order.id: order for order in truth.books.orders}
    used = {
        (one.order_id, one.tx_id)
        for one in truth.books.deposits
        if one.is_counted and orders[one.order_id].state != "cancelled"
    }
    times = Counter[tuple[str, str, str]]()
    for refund in truth.books.refunds:
        signed = truth.books.signed_for(refund.id)
        sent = [
            (one.asset, one.amount)
            for tx_id, receipt in truth.receipts(refund.network).items()
            if truth.chains[refund.network].known[tx_id].sender == HOT
            for one in receipt.transfers
            if one.address == refund.address and (not refund.is_excess or tx_id in signed)
        ]
        times[refund.order_id, refund.tx_id, refund.asset] += len(sent)
        amount = units(refund.amount, truth.assets[refund.asset])
        due = [(refund.asset, amount - fee) for fee in truth.network_fees[refund.asset]]
        if len(sent) > refund.approved or any(one not in due for one in sent):
            yield f"{refund.tx_id[:8]} was sent back as {sent}, approved: {refund.approved}"
        is_source = not refund.is_excess and orders[refund.order_id].source == refund.asset
        if sent and is_source and (refund.order_id, refund.tx_id) in used:
            yield f"{refund.tx_id[:8]} was sent back, and counts for its order"
    yield from (f"{tx_id[:8]} was sent back twice" for (_, tx_id, _), n in times.items() if n > 1)


ALWAYS: Final[tuple[Check, ...]] = (
    nothing_is_sent_that_is_not_stored,
    only_the_leader_writes_outflows,
    each_order_is_sent_once,
    each_arrival_is_in_one_book,
    confirmed_amounts_are_those_of_the_chain,
    what_is_paid_out_is_what_was_deposited_at_the_order_s_rate,
    no_transaction_costs_far_more_than_was_charged,
    nothing_is_signed_that_is_not_forwarded,
    nothing_far_above_the_maximum_is_exchanged,
    a_fixed_rate_never_rises,
    each_unusable_deposit_is_sent_back_once,
)


def problems(truth: Truth, checks: tuple[Check, ...]) -> list[str]:
    """Return everything that is not as it must be."""
    return [f"{check.__name__}: {one}" for check in checks for one in check(truth)]
