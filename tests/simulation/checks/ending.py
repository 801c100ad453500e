"""What must be true at the end, once all is well again and nothing moves any more."""

from collections.abc import Iterator
from typing import Final

from domain.money import units_from
from tests.simulation.checks.books import units
from tests.simulation.checks.invariants import FUNDING, HOT, Check, Truth, arrivals

FINAL: Final = ("completed", "expired", "cancelled", "refunded")


def every_order_has_ended(truth: Truth) -> Iterator[str]:
    """Everybody has decided as the runbook says: no order, payment or refund has a next step."""
    books = truth.books
    for order in books.orders:
        if order.state not in FINAL:
            reason = books.failing.get(order.id)
            yield f"order {order.name} is still {order.state}, choice {order.choice}, {reason}"
    for outflow in books.outflows:
        if outflow.settled_tx_id is None:
            yield f"the {outflow.kind} of {outflow.order_id[-6:]} is under way still"
    for voided in books.undecided:
        if books.state_of(voided.order_id) not in ("refunded", "cancelled", "expired"):
            yield f"nothing follows the voided {voided.kind} of {voided.order_id[-6:]}"
    for refund in books.refunds:
        is_open = refund.approved and not refund.closed and books.outflow_of(refund.id) is None
        if is_open and not truth.is_dropped(refund):
            reason = books.failing.get(refund.id)
            yield f"the approved refund {refund.name} was not sent: {reason}"


def no_payout_waits_without_a_reason(truth: Truth) -> Iterator[str]:
    """After some quiet rounds every payout that is due was attempted: none delays another."""
    books = truth.books
    voided = {one.order_id for one in books.undecided}
    for order in books.orders:
        is_attempted = order.id in books.failing or books.outflow_of(order.id) is not None
        if order.state == "paying_out" and order.id not in voided and not is_attempted:
            yield f"order {order.name} is to be paid out, and was not attempted"


def every_deposit_is_in_its_chain(truth: Truth) -> Iterator[str]:
    """A deposit that was not dropped is in a block, and a dropped one is not."""
    networks = {order.id: truth.assets[order.source].network for order in truth.books.orders}
    for deposit in truth.books.deposits:
        if truth.is_reversed(deposit.tx_id):
            continue
        receipts = truth.receipts(networks[deposit.order_id])
        if (deposit.tx_id in receipts) == deposit.dropped:
            word = "dropped, and is" if deposit.dropped else "counted, and is not"
            yield f"deposit {deposit.tx_id[:8]} of {deposit.order_id[-6:]} was {word} in its chain"
        if not deposit.dropped and not deposit.confirmed:
            yield f"deposit {deposit.tx_id[:8]} of {deposit.order_id[-6:]} is not confirmed"


def every_internal_transfer_is_in_one_book(truth: Truth) -> Iterator[str]:
    """The operator requested a credit of each, and settlement credited it."""
    for tx, order, places in arrivals(truth):
        if tx.is_internal and places != 1 and not truth.is_reversed(tx.id):
            yield f"internal transfer {tx.id[:8]} for order {order.name} is in {places} books"


def every_unclaimed_deposit_is_in_its_chain(truth: Truth) -> Iterator[str]:
    """What the operator may send back did arrive, and what was dropped did not."""
    for one in truth.books.unclaimed:
        if truth.is_reversed(one.tx_id):
            continue
        receipt = truth.receipts(one.network).get(one.tx_id)
        amount = units(one.amount, truth.assets[one.asset])
        arrived = (
            [(each.address, each.asset, each.amount) for each in receipt.transfers]
            if receipt
            else []
        )
        if ((one.address, one.asset, amount) in arrived) == one.dropped:
            word = "dropped, and is" if one.dropped else "unclaimed, and is not"
            yield f"{one.tx_id[:8]} of {one.amount} {one.asset} is {word} in its chain"
        if not one.dropped and not one.confirmed:
            yield f"{one.tx_id[:8]} of {one.amount} {one.asset} is not confirmed"


def every_outflow_is_settled_by_the_chain(truth: Truth) -> Iterator[str]:
    """The transaction that an outflow was settled by succeeded, and no other did."""
    for outflow in truth.books.outflows:
        if truth.is_reversed(*outflow.candidates):
            continue
        receipts = truth.receipts(outflow.network)
        mined = [
            tx_id
            for tx_id in outflow.candidates
            if tx_id in receipts
            and any(one.address == outflow.address for one in receipts[tx_id].transfers)
        ]
        if mined != [outflow.settled_tx_id]:
            yield (
                f"the {outflow.kind} of {outflow.order_id[-6:]} is settled by "
                f"{outflow.settled_tx_id}, and the chain has {mined}"
            )


def an_order_names_the_transaction_that_was_mined(truth: Truth) -> Iterator[str]:
    """The order shows its customer the transaction that the chain contains."""
    outflows = {one.order_id: one for one in truth.books.outflows}
    voided = {one.order_id for one in truth.books.voided}
    for order in truth.books.orders:
        shown = order.refund_tx_id or order.payout_tx_id
        outflow = outflows.get(order.id)
        if outflow and truth.is_reversed(*outflow.candidates):
            continue
        if order.id in voided and (outflow is None or outflow.settled_tx_id is None):
            continue  # the operator decides whether it is sent again
        if shown != (outflow.settled_tx_id if outflow else None):
            yield f"order {order.name} names {shown}, and {outflow and outflow.settled_tx_id}"


def hot_wallets_paid_what_the_books_say(truth: Truth) -> Iterator[str]:
    """Per asset: the sum of all outflows is what left the hot wallets, to the unit."""
    left: dict[str, int] = {}
    for chain in truth.chains.values():
        for tx_id, receipt in chain.tip.receipts.items():
            if chain.known[tx_id].sender == HOT and not truth.is_reversed(tx_id):
                for one in receipt.transfers:
                    if one.address != HOT:
                        left[one.asset] = left.get(one.asset, 0) + one.amount
    booked: dict[str, int] = {}
    for outflow in truth.books.outflows:
        if outflow.settled_tx_id is None or truth.is_reversed(outflow.settled_tx_id):
            continue
        amount = units(outflow.amount, truth.assets[outflow.asset])
        booked[outflow.asset] = booked.get(outflow.asset, 0) + amount
    if left != booked:
        yield f"{left} left the hot wallets, and the books say {booked}"


def fees_are_booked_to_the_unit(truth: Truth) -> Iterator[str]:
    """What the mined transactions of an outflow cost is what is booked to it."""
    sent = [
        *(
            (one.order_id, one.network, one.candidates, one.fee_paid)
            for one in truth.books.outflows
        ),
        *((one.order_id, one.network, one.tx_ids, one.fee_paid) for one in truth.books.voided),
    ]
    for order_id, network, tx_ids, fee_paid in sent:
        if truth.is_reversed(*tx_ids):
            continue
        chain = truth.chains[network]
        mined = [chain.tip.receipts.get(tx_id) for tx_id in tx_ids]
        cost = sum(one.fee for one in mined if one is not None)
        booked = units_from(fee_paid or "0", chain.decimals)
        if cost != booked:
            yield f"what order {order_id[-6:]} was sent cost {cost}, booked is {booked}"


def outputs_are_conserved(truth: Truth) -> Iterator[str]:
    """On the chain of outputs: funds less payments less fees is what the hot wallet has."""
    for network, chain in truth.chains.items():
        own = {tx_id: chain.known[tx_id] for tx_id in chain.tip.receipts}
        keys = {
            f"{tx_id}/{index}": amount
            for tx_id, tx in own.items()
            for index, (address, _, amount) in enumerate(tx.outputs)
            if address == HOT
        }
        funded = sum(sum(o[2] for o in tx.outputs) for tx in own.values() if tx.sender == FUNDING)
        paid = sum(
            tx.fee + sum(o[2] for o in tx.outputs if o[0] != HOT)
            for tx in own.values()
            if tx.sender == HOT
        )
        has = sum(amount for key, amount in keys.items() if key not in chain.tip.spent)
        if funded and has != funded - paid:
            yield f"{network}: the hot wallet has {has} of {funded} after paying {paid}"


AT_THE_END: Final[tuple[Check, ...]] = (
    every_order_has_ended,
    every_deposit_is_in_its_chain,
    every_internal_transfer_is_in_one_book,
    every_unclaimed_deposit_is_in_its_chain,
    every_outflow_is_settled_by_the_chain,
    an_order_names_the_transaction_that_was_mined,
    hot_wallets_paid_what_the_books_say,
    fees_are_booked_to_the_unit,
    outputs_are_conserved,
)
