"""How often a run came to what it is there to test: a danger that never occurs tests nothing."""

from collections import Counter
from typing import Final

from tests.simulation.checks.invariants import HOT, Truth

SEEN: Final = (
    "orders at a raised network fee",
    "internal transfers of an order",
    "excesses sent back",
    "unusable deposits sent back",
    "payments voided",
    "payments that cost, and paid nobody",
)


def coverage(truth: Truth) -> Counter[str]:
    """Return how often each of SEEN has happened by the end of a run."""
    books = truth.books
    usual = {code: min(fees) for code, fees in truth.network_fees.items()}
    orders = [truth.opened[order.id] for order in books.orders]
    settled = {one.order_id for one in books.outflows if one.settled_tx_id}
    internal = {
        tx.id for chain in truth.chains.values() for tx in chain.known.values() if tx.is_internal
    }
    sent_back = [one.is_excess for one in books.refunds if one.id in settled]
    mined = [
        receipt
        for chain in truth.chains.values()
        for tx_id, receipt in chain.tip.receipts.items()
        if chain.known[tx_id].sender == HOT
    ]
    counts = (
        sum(one.network_fee > usual[one.destination.code] for one in orders),
        sum(one.tx_id in internal for one in books.deposits),
        sum(sent_back),
        len(sent_back) - sum(sent_back),
        len(books.voided),
        sum(not one.transfers for one in mined),
    )
    return Counter(dict(zip(SEEN, counts, strict=True)))
