"""Training from shards, intact and damaged."""

import os

import pytest
import torch

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.data_tools.packing.pack_settings import PackSettings
from mixmae.data_tools.packing.pack_source import read_source
from mixmae.data_tools.packing.packing import pack
from mixmae.datasets.corrupt.corrupt_file_list import read_corrupt_files
from mixmae.datasets.packed.sample_table import read_table
from tests.engine.hooks.test_corrupt_files_hook import (
    COUNT,
    config_of,
    save,
    train,
)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for index in range(COUNT):
        save(folder, index)
    return folder


@pytest.fixture
def packed(folder, tmp_path):
    """Write four shards of four images of 3 kB."""
    settings = PackSettings(shard_bytes=10240 + 4 * 4096)
    report = pack(read_source(str(folder)), tmp_path / 'packed', settings)
    assert report.shards == 4
    return tmp_path / 'packed'


def weights(config):
    return train(config)[1].model.state_dict()


def same(one, two):
    return all(torch.equal(one[key], two[key]) for key in two)


def test_shards_give_the_same_training_as_a_folder(
    folder, packed, tmp_path, request
):
    """Bit-equal, with two workers that open their own files."""
    name = request.node.name
    plain = weights(
        config_of(folder, tmp_path / 'a', name, 'UnlabeledImageFolder')
    )
    config = config_of(packed, tmp_path / 'b', f'{name}-2', 'PackedImages', 2)
    assert same(plain, weights(config))


def spoil(packed):
    """Damage three images of three shards; return their names."""
    table = read_table(packed / 'index.npz')
    assert table.path(5) == 'shard-00001.tar/05.png'
    with (packed / 'shard-00001.tar').open('r+b') as file:
        file.seek(table.sample(5).offset + 50)
        file.write(b'!')
    os.truncate(packed / 'shard-00002.tar', table.sample(11).offset + 9)
    with (packed / 'shard-00003.tar').open('r+b') as file:
        file.seek(table.sample(12).offset)
        file.write(bytes(16))
    return {
        ('wrong checksum', f'{packed}/shard-00001.tar/05.png', 'train/5'),
        ('truncated', f'{packed}/shard-00002.tar/11.png', 'train/11'),
        ('wrong checksum', f'{packed}/shard-00003.tar/12.png', 'train/12'),
    }


def test_damage_is_skipped_and_listed(packed, tmp_path, request):
    expected = spoil(packed)
    work_dir = tmp_path / 'run'
    config = config_of(packed, work_dir, request.node.name, 'PackedImages', 2)
    lines, runner = train(config)
    assert runner.iter == 8
    listed = read_corrupt_files(work_dir / 'corrupt_files.txt')
    assert len(listed) == 3 and set(map(tuple, listed)) == expected
    assert any('2 wrong checksum, 1 truncated of 16' in line for line in lines)


def test_an_earlier_list_is_checked_again(packed, tmp_path, request):
    whole = (packed / 'shard-00001.tar').read_bytes()
    spoil(packed)
    work_dir = tmp_path / 'run'
    config = config_of(packed, work_dir, request.node.name, 'PackedImages')
    train(config)
    (packed / 'shard-00001.tar').write_bytes(whole)
    (packed / 'shard-00002.tar').unlink()
    config['experiment_name'] += '-again'
    config['train_cfg']['max_epochs'] = 1
    lines, _ = train(config)
    assert any('2 of 3 files listed by an earlier start' in li for li in lines)
    causes = {e.sample: e.cause for e in read_corrupt_files(
        work_dir / 'corrupt_files.txt'
    )}  # fmt: skip
    assert causes['train/11'] == 'missing' and 'train/5' not in causes
    assert causes['train/12'] == 'wrong checksum'


def test_a_resumed_run_over_damage_equals_the_uninterrupted_one(
    packed, tmp_path, request
):
    """Resumed within an epoch and with another number of workers."""
    spoil(packed)
    work_dir = tmp_path / 'whole'
    config = config_of(packed, work_dir, request.node.name, 'PackedImages')
    config['default_hooks']['checkpoint'] = dict(
        type='DurableCheckpointHook', by_epoch=False, interval=2
    )
    expected = weights(config)
    for path in work_dir.glob('iter_8.pth*'):
        path.unlink()
    load_only_safely()
    config['train_dataloader']['num_workers'] = 2
    config.update(
        resume=True,
        load_from=str(work_dir / 'iter_6.pth'),
        experiment_name=f'{request.node.name}-again',
    )
    assert same(weights(config), expected)
