"""Does something to a process of the installation, and repairs it as an operator would."""

import random
import time
from collections.abc import Callable
from typing import Final, Protocol

from tests.cluster.topology import Cluster
from tests.faults.fault import Action, Fault, Kind
from tests.support.servers.valkey.cluster import Node
from tests.support.waiting import wait_until

DOWN_SECONDS: Final = (0.5, 3.0)
SUSPENDED_SECONDS: Final = (1.0, 6.0)
DETECTION_SECONDS: Final = 2.0
"""After at most so long without a primary, what watches PostgreSQL promotes the standby."""
CUT_SECONDS: Final = 0.25
"""In which the kernel ends the connections of a process that was killed."""


class Process(Protocol):
    """Whatever can be ended in several ways, and started again."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def suspend(self) -> None: ...
    def resume(self) -> None: ...


class Injector:
    """The failures of an installation; `chance` decides which process, and for how long."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self._cluster = cluster
        self._chance = chance

    def perform(self, kind: Kind, action: Action) -> Fault:
        """Let a process of a kind fail."""
        performers = {
            Kind.GATEWAY: self._gateway,
            Kind.BALANCER: self._balancer,
            Kind.VALKEY_PRIMARY: self._valkey_primary,
            Kind.VALKEY_REPLICA: self._valkey_replica,
            Kind.POSTGRES_PRIMARY: self._postgres_primary,
            Kind.POSTGRES_STANDBY: self._postgres_standby,
        }
        performer = performers.get(kind)
        return performer(action) if performer else self._worker(kind, action)

    def _gateway(self, action: Action) -> Fault:
        """Calls that it was serving are lost; if it hangs, until the balancer has noticed it."""
        node = self._chance.choice(self._cluster.gateways)
        if action != Action.SUSPEND:
            fault = self._failed(Kind.GATEWAY, action, node)
            if action == Action.KILL:
                fault.cut_until = time.monotonic() + CUT_SECONDS
            return fault
        at = time.monotonic()
        node.suspend()
        wait_until(lambda: self._cluster.balancer.uses(node), False.__eq__)
        fault = _fault(Kind.GATEWAY, action, at, counts_from=time.monotonic())
        fault.cut_until = time.monotonic()
        self._pause(SUSPENDED_SECONDS)
        node.resume()
        return fault

    def _balancer(self, action: Action) -> Fault:
        """Nobody reaches the installation without it."""
        balancer = self._cluster.balancer
        fault = self._failed(Kind.BALANCER, action, balancer)
        if fault.repair is not None:
            self._pause(DOWN_SECONDS)
            fault.repair()
            fault.repair = None
            balancer.wait_until_ready()
            fault.cut_until = time.monotonic()
        return fault

    def _worker(self, kind: Kind, action: Action) -> Fault:
        return self._failed(kind, action, self._chance.choice(self._cluster.workers[kind.value]))

    def _valkey_primary(self, action: Action) -> Fault:
        return self._valkey(Kind.VALKEY_PRIMARY, action, self._cluster.valkey.primaries())

    def _valkey_replica(self, action: Action) -> Fault:
        cluster = self._cluster.valkey
        primaries = cluster.primaries()
        replicas = [one for one in cluster.nodes if one not in primaries]
        return self._valkey(Kind.VALKEY_REPLICA, action, replicas)

    def _valkey(self, kind: Kind, action: Action, nodes: list[Node]) -> Fault:
        return self._failed(kind, action, self._chance.choice(nodes))

    def _postgres_primary(self, action: Action) -> Fault:
        """The standby is promoted, and the former primary follows it."""
        servers = self._cluster.postgres
        former, at = servers.primary, time.monotonic()
        if action == Action.SUSPEND:
            servers.suspend(former)
            self._pause(SUSPENDED_SECONDS)
            servers.resume(former)
            return _fault(Kind.POSTGRES_PRIMARY, action, at, counts_from=time.monotonic())
        if action == Action.KILL:
            servers.kill(former)
        else:
            servers.shut_down(former)
        self._pause((0, DETECTION_SECONDS))
        servers.promote()
        promoted_at = time.monotonic()
        return _fault(
            Kind.POSTGRES_PRIMARY, action, at, counts_from=promoted_at, repair=servers.rebuild
        )

    def _postgres_standby(self, action: Action) -> Fault:
        """Commits wait until it follows again: the same is to be had from another standby."""
        servers = self._cluster.postgres
        standby, at = servers.standby, time.monotonic()
        if action == Action.SUSPEND:
            servers.suspend(standby)
            self._pause(SUSPENDED_SECONDS)
            servers.resume(standby)
        else:
            (servers.kill if action == Action.KILL else servers.shut_down)(standby)
            self._pause(DOWN_SECONDS)
            servers.run_standby()
        wait_until(servers.is_synchronous)
        return _fault(Kind.POSTGRES_STANDBY, action, at, counts_from=time.monotonic())

    def _failed(self, kind: Kind, action: Action, process: Process) -> Fault:
        """Let a process fail which others replace, except while it only hangs."""
        at = time.monotonic()
        if action == Action.SUSPEND:
            process.suspend()
            self._pause(SUSPENDED_SECONDS)
            process.resume()
            return _fault(kind, action, at, counts_from=time.monotonic())
        if action == Action.KILL:
            process.kill()
        else:
            process.stop()
        return _fault(kind, action, at, counts_from=at, repair=process.start)

    def _pause(self, seconds: tuple[float, float]) -> None:
        time.sleep(self._chance.uniform(*seconds))


def _fault(
    kind: Kind,
    action: Action,
    at: float,
    *,
    counts_from: float,
    repair: Callable[[], None] | None = None,
) -> Fault:
    return Fault(kind, action, at, counts_from, cut_until=at, repair=repair)
