"""The users of several servers: each has users of its own, replicas too."""

from collections.abc import Iterator

import pytest
import valkey

from persistence.valkey.acl import OWNER, PREFIX, USERS
from persistence.valkey.users import apply_users, is_open, missing_users, rejected_login
from tests.support.servers.valkey.cluster import PASSWORDS, ValkeyCluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    with ValkeyCluster(tmp_path_factory.mktemp("cluster"), primaries=1) as cluster:
        yield cluster


def test_users_are_created_on_every_server_of_a_cluster(cluster: ValkeyCluster) -> None:
    url = cluster.url(OWNER)
    assert missing_users(url) == []
    replica = cluster.replica_of(cluster.primaries()[0])
    replica.run("ACL DELUSER", f"{PREFIX}webhooks", f"{PREFIX}rates")
    assert missing_users(url) == ["rates", "webhooks"]
    assert rejected_login(cluster.url("rates"))
    assert apply_users(url, {name: PASSWORDS[name] for name in USERS})
    assert missing_users(url) == []
    assert not rejected_login(cluster.url("rates"))
    assert not is_open(url)
    replica.run("ACL SETUSER", "default", "on", "nopass")
    assert is_open(url)


def test_no_server_is_available(cluster: ValkeyCluster) -> None:
    for node in cluster.nodes:
        node.close()
    with pytest.raises(valkey.ConnectionError):
        missing_users(cluster.url(OWNER))
