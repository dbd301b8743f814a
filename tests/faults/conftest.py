"""One server for all tests of faults."""

from collections.abc import Iterator

import pytest

from tests.faults.training_server import TrainingServer


@pytest.fixture(scope='session')
def server() -> Iterator[TrainingServer]:
    """Has imported everything."""
    with TrainingServer() as found:
        yield found
