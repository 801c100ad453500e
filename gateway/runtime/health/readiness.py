"""Whether this worker may take calls: by what it alone can lack, not by what all nodes share."""

from collections.abc import Callable, Mapping
from typing import Final

ACCEPTING: Final = "accepting"


class Readiness:
    """The data that a worker needs before its first call, and whether it is about to stop.

    Data counts from when it was loaded first, also while it cannot be refreshed: a dependency that
    is unavailable is unavailable to every node. If readiness depended on it, a load balancer would
    remove all nodes, and callers would get its error page instead of the API's code 11.
    """

    def __init__(self, loaded: Mapping[str, Callable[[], bool]]) -> None:
        """`loaded` tells, by the name of each kind of data, whether it was ever loaded."""
        self._loaded = loaded
        self.is_draining = False
        """The worker is about to stop: it serves what it receives, and should get no more."""

    def checks(self) -> dict[str, bool]:
        """Return the checks by name; the worker is ready if all of them pass."""
        loaded = {name: is_loaded() for name, is_loaded in self._loaded.items()}
        return {ACCEPTING: not self.is_draining, **loaded}

    def is_ready(self) -> bool:
        """Return whether the worker should get calls."""
        return all(self.checks().values())

    def has_loaded(self) -> bool:
        """Return whether everything was loaded."""
        return all(is_loaded() for is_loaded in self._loaded.values())
