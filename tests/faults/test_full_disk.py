import random

import pytest

from tests.faults.full_disk import ROOM, full_disk
from tests.faults.small_disk import NoSmallDiskError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('fault', ROOM)
def test_stops_with_one_line_and_resumes_after_space_is_freed(
    server, tmp_path, fault
):
    try:
        outcome = full_disk(server, tmp_path, fault, random.Random(fault))
    except NoSmallDiskError as error:
        pytest.skip(f'NOT TESTED, no small disk can be mounted: {error}')
    assert outcome.wrong == ''
