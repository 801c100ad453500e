"""Fixtures that several modules of API tests share."""

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    return up.partner()
