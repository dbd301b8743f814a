"""Bytes of small operations, by hand."""

import pytest
import torch

from mixmae.engine.moved_bytes import MovedBytes


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_a_product_by_hand(device):
    a, b = torch.ones(4, 5, device=device), torch.ones(5, 3, device=device)
    with MovedBytes() as found:
        a @ b
    assert found.total == 4 * (20 + 15 + 12)
    assert found.operations == 1
    assert found.largest == 4 * 12


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_views_and_room_move_nothing(device):
    x = torch.ones(4, 6, device=device)
    with MovedBytes() as found:
        x.view(6, 4).transpose(0, 1)[1:].unsqueeze(0).expand(3, 3, 6)
        torch.empty(10, device=device)
    assert found.total == 0
    assert found.operations == 6


def test_in_place():
    """Read, and written as an argument."""
    x = torch.ones(10)
    with MovedBytes() as found:
        x.mul_(2)
    assert found.total == 4 * 20


def test_types_count():
    with MovedBytes() as found:
        torch.ones(8, dtype=torch.bfloat16).double()
    assert found.total == 2 * 8 + (2 + 8) * 8
    assert found.largest == 64
