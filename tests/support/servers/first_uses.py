"""Counts calls that were processed without a code that was created just before."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.clients.code_owner import Owner, name


def stale_first_uses(owner: Owner, *, tries: int, callers: int) -> int:
    """Return how many of the first calls with `tries` new codes had another markup.

    Each code is used by `callers` concurrent calls on connections of their own, from the response
    to its creation on, so that all workers are called.
    """
    stale = 0
    with ThreadPoolExecutor(callers) as pool:
        for number in range(tries):
            code, markup = name(), 100 + number % 1_900
            assert owner.create(code, afftaxBps=markup).code == 0
            stale += sum(used != markup for used in pool.map(owner.markup, [code] * callers))
    return stale
