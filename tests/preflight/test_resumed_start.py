"""Start or resume of a training from an address."""

import pytest
from mmengine.config import Config

from mixmae.fileio.address import hidden_address
from mixmae.preflight.resumed_start import AUTO, requested_start
from tests.checkpoints.io.test_download import DATA, net  # noqa: F401


def test_addresses_are_fetched_before_the_main_rank_reads(net):  # noqa: F811
    """All ranks download together; only the main rank reads."""
    address = f'{net.url}/x.pth?token=abc'
    shown = hidden_address(address)
    for cfg, asked in (
        ({}, address),
        ({'resume': True, 'load_from': shown}, None),
    ):
        found = requested_start(Config(cfg), asked)
        with open(found, 'rb') as file:
            assert file.read() == DATA
    assert net.asked == ['/x.pth?token=abc']


@pytest.mark.parametrize(
    ('cfg', 'asked', 'found'),
    [
        ({}, None, None),
        ({'load_from': 'a.pth'}, None, None),
        ({'resume': True}, None, AUTO),
        ({'resume': True, 'load_from': 'a.pth'}, None, 'a.pth'),
        ({'resume': True, 'load_from': 'a.pth'}, 'b.pth', 'b.pth'),
        ({}, AUTO, AUTO),
    ],
)
def test_local_files_are_unchanged(cfg, asked, found):
    assert requested_start(Config(cfg), asked) == found
