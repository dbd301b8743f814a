"""One server for all fault injection tests."""

from collections.abc import Iterator

import pytest

from tests.faults.training_server import TrainingServer


@pytest.fixture(scope='session')
def server() -> Iterator[TrainingServer]:
    """Start a server that has imported everything."""
    with TrainingServer() as found:
        yield found
