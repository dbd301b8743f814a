"""Batch size, learning rate and epochs for a number of images."""

import itertools

import pytest

from mixmae.recipes.machine import Machine
from mixmae.recipes.methods import METHODS
from mixmae.recipes.networks import named_network
from mixmae.recipes.schedule import (
    pretraining_batches,
    pretraining_epochs,
    pretraining_rate,
)

MIXMAE = METHODS['mixmae']


def machine(count=1, memory=16e9):
    return Machine('cuda', count, memory, 1e9, 8, 'a GPU')


@pytest.mark.parametrize('images', [8, 60, 1000, 50_000, 1_281_167])
@pytest.mark.parametrize('fitting', [1, 5, 64, 1000])
@pytest.mark.parametrize('count', [1, 2, 3, 8])
def test_the_update_size_is_a_multiple_of_the_batch_and_at_most_the_data(
    images, fitting, count
):
    if images < 2 * count:
        return
    found = pretraining_batches(images, MIXMAE, machine(count), fitting, None)
    assert found.update == found.batch * found.accumulation * count
    assert found.batch <= fitting
    assert found.update <= min(images, MIXMAE.base_update)


def test_the_papers_update_for_the_papers_data():
    found = pretraining_batches(1_281_167, MIXMAE, machine(8), 128, None)
    assert (found.batch, found.accumulation, found.update) == (128, 2, 2048)
    swin = named_network('swin-base')
    assert pretraining_rate(MIXMAE, swin, 2048)[0] == MIXMAE.base_lr
    assert pretraining_epochs(1_281_167, MIXMAE)[0] == 300


def test_more_images_mean_fewer_epochs_and_more_updates():
    counts = (100, 10_000, 100_000, 1_000_000)
    epochs = [pretraining_epochs(count, MIXMAE)[0] for count in counts]
    assert epochs == sorted(epochs, reverse=True)
    seen = [count * number for count, number in zip(counts, epochs)]
    assert seen == sorted(seen)


def test_the_rate_grows_with_the_update():
    swin = named_network('swin-tiny')
    rates = [pretraining_rate(MIXMAE, swin, 2**i)[0] for i in range(3, 12)]
    assert all(a < b for a, b in itertools.pairwise(rates))


def test_batch_sizes_that_cannot_be_divided():
    with pytest.raises(ValueError, match='batch_size=64 on 2 devices'):
        pretraining_batches(100, MIXMAE, machine(2), 999, 64)
    with pytest.raises(ValueError, match='no image fits'):
        pretraining_batches(100, MIXMAE, machine(), 0, None)
