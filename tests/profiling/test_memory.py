"""Planned memory and schedules, compared with real runs."""

import functools

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mixmae.profiling.memory import (
    TEMPORARIES,
    ActivationMemory,
    PlannedNetwork,
    SavedActivations,
    gathered_parameters,
)
from mixmae.profiling.run_sizes import RunSettings, Schedule
from mixmae.registry import MODELS
from tests.engine.tiny_run import MODEL
from tests.models.parts import random_images, random_mask


@functools.cache
def tiny_network(device, dtype):
    """Return a tiny MixMAE without saved scores, and its model."""
    backbone = {**MODEL['backbone'], 'scores': 'recomputed'}
    model = MODELS.build({**MODEL, 'backbone': backbone})
    return PlannedNetwork.of(model, (3, 32, 32), device, dtype), model


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_activations_are_those_of_a_real_batch(dtype):
    """The plan does not run the network; memory is linear in the batch."""
    network, model = tiny_network('cpu', dtype)
    assert not torch.is_autocast_enabled('cpu')
    images, mask = random_images(6, 32, 32), random_mask(32, 32, cell=8)
    with (
        ActivationMemory(model) as saved,
        torch.autocast('cpu', dtype, enabled=dtype != torch.float32),
    ):
        model(images, mask=mask, mode='loss')
    planned = network.saved.batch + 6 * network.saved.image
    assert planned == pytest.approx(saved.total, rel=0.01)
    # The MLP of the first stage.
    assert network.saved.largest >= 4 * 8 * 64 * dtype.itemsize


def test_no_gpu_is_needed():
    """The plan without a GPU is about the same."""
    gpu, cpu = (
        tiny_network(device, torch.bfloat16)[0].saved
        for device in ('cuda', 'cpu')
    )
    assert gpu.image == pytest.approx(cpu.image, rel=0.35)


def test_memory_of_a_device():
    saved = SavedActivations(image=100.0, batch=40.0, largest=10.0)
    network = PlannedNetwork(1000, 900, 1.0, saved)
    needs = network.needs(8, 'AdamW', process=7.0)
    assert needs.process == 7
    assert needs.parameters == 4000
    assert needs.gradients == 3600
    assert needs.optimizer == 7200
    assert needs.activations == 840 + 8 * TEMPORARIES * 10
    assert network.needs(8, 'SGD').optimizer == 3600
    shared = network._replace(gathered=50).needs(8, shards=2)
    assert shared.parameters == 2000 and shared.gathered == 400
    assert network._replace(gathered=50).needs(8).gathered == 0
    memory = needs.total
    assert network.largest_batch(memory + 1, 'AdamW', 7.0, 1) == 8
    assert network.largest_batch(memory - 1, 'AdamW', 7.0, 1) == 7
    assert network.largest_batch(10.0, 'AdamW', 7.0, 1) == 0
    assert network.checkpoint('AdamW') == 4 * (1000 + 2 * 900)


def test_parameters_gathered_at_a_time():
    """Everything outside of blocks, and two blocks (prefetching)."""
    small, large = nn.Linear(2, 3, bias=False), nn.Linear(2, 5, bias=False)
    model = nn.Sequential(small, nn.BatchNorm1d(7), large)
    assert gathered_parameters(model, ['Linear']) == 14 + 2 * 10
    assert gathered_parameters(model, ['Other']) == 30


def test_accumulation_makes_the_same_update():
    schedule = Schedule.of(1_281_167, 600, 2048, devices=8, batch=64)
    assert schedule.accumulation == 4
    assert schedule.updates == 375_000
    assert schedule.trained_images == 600 * 625 * 2048


def test_updates_of_a_loop_by_iterations():
    """The images may be fewer than one update; they repeat."""
    found = Schedule.of(100, 1000.0, 64, devices=2, batch=8, updates=7)
    assert found.updates == 7 and found.trained_images == 7 * 64
    assert Schedule.of(10, 9.6, 32, 2, 8, updates=3).updates == 3


@pytest.mark.parametrize('updates', [None, 0])
def test_fewer_images_than_one_update(updates):
    with pytest.raises(ValueError, match='3 epochs of 10 images make no upd'):
        Schedule.of(10, 3, 32, 2, 8, updates)


@pytest.mark.parametrize(
    'devices, batch, hint',
    [
        (8, 100, 'batch sizes that do: 2, 4, 8, 16, 32, 64, 128, 256'),
        (7, 128, 'another number of devices'),
        (4096, 1, 'another number of devices'),
    ],
)
def test_no_whole_number_of_batches(devices, batch, hint):
    with pytest.raises(ValueError, match=hint):
        Schedule.of(1_281_167, 600, 2048, devices, batch)


def settings_config(**changes):
    crop = dict(type='mmpretrain.RandomResizedCrop', scale=192)
    return Config(
        {
            'train_dataloader': dict(
                batch_size=128,
                dataset=dict(
                    type='mmpretrain.ImageNet', pipeline=[crop, {'type': 'A'}]
                ),
            ),
            'train_cfg': dict(max_epochs=300),
            'optim_wrapper': dict(
                optimizer=dict(type='AdamW'), accumulative_counts=2
            ),
            'auto_scale_lr': dict(base_batch_size=1024),
            'model': dict(backbone=dict(img_size=224)),
            'default_hooks': dict(checkpoint=dict(max_keep_ckpts=3)),
            **changes,
        }
    )


def test_numbers_of_a_config():
    found = RunSettings.of(settings_config())
    assert found == RunSettings(
        side=192,
        images=1_281_167,
        epochs=300,
        batch=128,
        update=2048,
        updates=None,
        optimizer='AdamW',
        dtype='float32',
        sharded=False,
        kept=3,
    )
    sharded = settings_config(runner_type='mixmae.ShardedRunner')
    assert RunSettings.of(sharded, side=64).sharded
    loop = settings_config(train_cfg=dict(max_iters=1001))
    found = RunSettings.of(loop, images=512_512)
    # Two micro-iterations each.
    assert found.epochs == 2 and found.updates == 500


def test_settings_that_a_config_lacks():
    unknown = settings_config()
    unknown.train_dataloader.dataset.type = 'Unheard'
    with pytest.raises(ValueError, match='by --images'):
        RunSettings.of(unknown)
    no_size = settings_config(model={})
    no_size.train_dataloader.dataset.pipeline = []
    with pytest.raises(ValueError, match='by --size'):
        RunSettings.of(no_size)
    with pytest.raises(ValueError, match='trains nothing'):
        RunSettings.of(settings_config(train_cfg=None))
