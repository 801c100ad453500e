"""Each process of an installation on several nodes is killed once, under a mixed load."""

import shutil
from pathlib import Path

import pytest

from tests.cluster.partners import new_partners
from tests.cluster.topology import Cluster
from tests.faults.campaign import Campaign
from tests.faults.fault import Kind
from tests.faults.table import lines


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("haproxy"), reason="needs haproxy")
def test_the_death_of_any_process_costs_no_order_and_no_event(tmp_path: Path) -> None:
    with Cluster(tmp_path) as cluster, new_partners(cluster, 4) as partners:
        verdict = Campaign(cluster, partners, seed=1).run_once()
    assert verdict.is_exact, "\n".join(lines(verdict))
    assert {one.kind for one in verdict.recoveries} == set(Kind)
    assert verdict.orders.acknowledged > 50
    assert verdict.events.received > 50
