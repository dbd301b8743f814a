"""Runs with corrupt files and the hooks of the configs."""

import io
import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner
from PIL import Image

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.datasets.corrupt.corrupt_file_list import read_corrupt_files
from mixmae.datasets.corrupt.corrupt_files import TooManyCorruptFilesError
from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.engine.hooks import CorruptFilesHook
from mixmae.registry import DATASETS, TRANSFORMS
from tests.engine.tiny_run import tiny_config

COUNT = 16


@TRANSFORMS.register_module(force=True)
class PackTiny:
    """Minimal version of mmpretrain's PackInputs."""

    def __call__(self, results):
        pixels = np.ascontiguousarray(results['img'].transpose(2, 0, 1))
        return dict(inputs=torch.from_numpy(pixels))


@DATASETS.register_module(force=True)
class ListedPictures(BaseDataset):
    """Data set of another library, without support for corrupt files."""

    def load_data_list(self):
        return [
            dict(img_path=f'{self.data_root}/{index:02d}.png', gt_label=index)
            for index in range(COUNT)
        ]


def save(folder, index):
    pixels = np.random.default_rng(index).integers(0, 256, (32, 32, 3))
    image = Image.fromarray(pixels.astype(np.uint8))
    image.save(folder / f'{index:02d}.png')


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for index in range(COUNT):
        save(folder, index)
    return folder


def spoil(folder, **causes):
    for index, cause in causes.items():
        path = folder / f'{int(index[1:]):02d}.png'
        if cause == 'missing':
            path.unlink()
        elif cause == 'truncated':
            path.write_bytes(path.read_bytes()[:1000])
        else:
            path.write_bytes({'empty': b'', 'no image': b'text'}[cause])


def config_of(folder, work_dir, name, dataset='ListedPictures', workers=0):
    pipeline = [dict(type='mixmae.SeedSample'), dict(type='mixmae.LoadImage')]
    config = tiny_config(work_dir)
    config['train_dataloader'].update(
        num_workers=workers,
        dataset=dict(
            type=dataset,
            data_root=str(folder),
            pipeline=[*pipeline, dict(type='mixmae.PackTiny')],
        ),
    )
    # 2 updates of 2 x 4 images an epoch.
    config['train_cfg']['max_epochs'] = 2
    hooks = config['default_hooks']
    config['default_hooks'] = {
        name: hooks[name] for name in ('step_seed', 'corrupt_files', 'logger')
    }
    config['default_hooks']['checkpoint'] = None
    for split in ('val', 'test'):
        for key in ('dataloader', 'evaluator', 'cfg'):
            config[f'{split}_{key}'] = None
    config.update(experiment_name=name, log_level='ERROR')
    config['randomness'] = dict(seed=0)
    return config


def train(config):
    """Return the log lines of one run."""
    lines = io.StringIO()
    runner = Runner.from_cfg(Config(config))
    for level in ('info', 'warning'):
        setattr(
            runner.logger, level, lambda text, *_: lines.write(f'{text}\n')
        )
    runner.train()
    return lines.getvalue().splitlines(), runner


@pytest.mark.parametrize('dataset', ['ListedPictures', 'UnlabeledImageFolder'])
@pytest.mark.parametrize('workers', [0, 2])
def test_corrupt_files_are_skipped_and_listed(
    folder, tmp_path, request, dataset, workers
):
    spoil(folder, _3='truncated', _7='empty', _8='empty')
    work_dir = tmp_path / 'run'
    config = config_of(folder, work_dir, request.node.name, dataset, workers)
    lines, runner = train(config)
    assert runner.iter == 8
    listed = read_corrupt_files(work_dir / 'corrupt_files.txt')
    assert {(e.cause, e.path[-6:-4], e.sample) for e in listed} == {
        ('truncated', '03', 'train/3'),
        ('empty', '07', 'train/7'),
        ('empty', '08', 'train/8'),
    }
    assert len(listed) == 3
    [line] = [line for line in lines if '2 empty, 1 truncated' in line]
    assert f'of 16; they are listed in {work_dir}/corrupt_files.txt' in line


@pytest.mark.parametrize('loop', ['ResumableIterLoop', 'IterBasedTrainLoop'])
@pytest.mark.parametrize('workers', [0, 2])
def test_loops_by_iterations_skip_them_too(
    folder, tmp_path, request, loop, workers
):
    """Their workers start after the hook has changed the data sets."""
    spoil(folder, _3='truncated', _7='empty')
    work_dir = tmp_path / 'run'
    config = config_of(folder, work_dir, request.node.name, workers=workers)
    config['train_dataloader'].update(
        sampler=dict(type='InfiniteSampler', shuffle=False),
        persistent_workers=workers > 0,
    )
    # 16 images: each comes at least once.
    config['train_cfg'] = dict(type=loop, max_iters=6, val_interval=100)
    if loop == 'IterBasedTrainLoop':
        # Transforms do not get the position in the training.
        del config['train_dataloader']['dataset']['pipeline'][0]
    config['param_scheduler'] = []
    lines, runner = train(config)
    assert runner.iter == 6
    listed = read_corrupt_files(work_dir / 'corrupt_files.txt')
    assert sorted(e.sample for e in listed) == ['train/3', 'train/7']
    [line] = [
        line for line in lines if f'{work_dir}/corrupt_files.txt' in line
    ]
    assert '1 truncated' in line and '1 empty' in line


def test_an_earlier_list_is_checked_again(folder, tmp_path, request):
    spoil(folder, _3='truncated', _7='empty', _8='empty')
    work_dir = tmp_path / 'run'
    config = config_of(folder, work_dir, request.node.name)
    train(config)
    # One is fixed, and one is now corrupt for another reason.
    save(folder, 7)
    (folder / '08.png').unlink()
    with (work_dir / 'corrupt_files.txt').open('a') as file:
        file.write(f'empty\t{folder}/00.png\tval/0\n')
        file.write(f'empty\t{folder}/01.png\ttrain/2\n')
        file.write(f'empty\t{folder}/01.png\ttrain/99\n')
    config['experiment_name'] += '-again'
    lines, _ = train(config)
    listed = read_corrupt_files(work_dir / 'corrupt_files.txt')
    assert [(entry.cause, entry.sample) for entry in sorted(listed)] == [
        ('missing', 'train/8'),
        ('truncated', 'train/3'),
    ]
    assert any('2 of 5 files listed by an earlier start' in li for li in lines)
    for index in (3, 8):
        save(folder, index)
    config['experiment_name'] += '-sound'
    train(config)
    assert not (work_dir / 'corrupt_files.txt').exists()


@pytest.mark.parametrize('dataset', ['ListedPictures', 'UnlabeledImageFolder'])
def test_too_many_stop_the_run(folder, tmp_path, request, dataset):
    spoil(folder, **{f'_{index}': 'empty' for index in range(12)})
    work_dir = tmp_path / 'run'
    config = config_of(folder, work_dir, request.node.name, dataset, workers=2)
    config['default_hooks']['corrupt_files']['max_corrupt_ratio'] = 0.1
    with pytest.raises(TooManyCorruptFilesError) as caught:
        train(config)
    text = str(caught.value)
    # The workers may find more until the run ends.
    found = re.search(r'\((\d+) empty\), 5 are allowed', text)
    assert found and 6 <= int(found[1]) <= 12, text
    assert '\n' not in text
    assert f'listed in {work_dir}/corrupt_files.txt' in text
    assert len(read_corrupt_files(work_dir / 'corrupt_files.txt')) >= 6


@pytest.mark.parametrize('own', [None, 0.0])
def test_the_share_of_a_data_set_precedes_that_of_the_hook(
    folder, tmp_path, request, own
):
    """0.9 of 16 files for all data sets; this one may allow none."""
    spoil(folder, **{f'_{index}': 'empty' for index in range(12)})
    config = config_of(
        folder, tmp_path / 'run', request.node.name, 'UnlabeledImageFolder'
    )
    config['default_hooks']['corrupt_files']['max_corrupt_ratio'] = 0.9
    config['train_dataloader']['dataset']['max_corrupt_ratio'] = own
    if own is None:
        _, runner = train(config)
        assert len(runner.train_dataloader.dataset.corrupt_files.found()) > 6
    else:
        with pytest.raises(TooManyCorruptFilesError, match=', 0 are allowed'):
            train(config)


def test_a_file_that_vanishes_during_the_run(folder, tmp_path, request):
    config = config_of(folder, tmp_path / 'run', request.node.name)
    runner = Runner.from_cfg(Config(config))

    class Thief(Hook):
        def after_train_epoch(self, runner):
            (folder / '05.png').unlink(missing_ok=True)

    runner.register_hook(Thief())
    runner.train()
    assert runner.iter == 8
    [entry] = read_corrupt_files(tmp_path / 'run' / 'corrupt_files.txt')
    assert (entry.cause, entry.sample) == ('missing', 'train/5')


@pytest.mark.parametrize('listed', [True, False])
def test_a_resumed_run_has_the_same_fallback_samples(
    folder, tmp_path, request, listed
):
    """With and without the corrupt-file list of the earlier run."""
    spoil(folder, _3='truncated', _7='empty', _8='empty')
    work_dir = tmp_path / 'whole'
    config = config_of(folder, work_dir, request.node.name)
    config['default_hooks']['checkpoint'] = dict(
        type='DurableCheckpointHook', by_epoch=False, interval=2
    )
    _, runner = train(config)
    expected = runner.model.state_dict()
    if not listed:
        (work_dir / 'corrupt_files.txt').unlink()
    for path in work_dir.glob('iter_8.pth*'):
        path.unlink()
    load_only_safely()
    config.update(
        resume=True,
        load_from=str(work_dir / 'iter_6.pth'),
        experiment_name=f'{request.node.name}-again',
    )
    _, runner = train(config)
    found = runner.model.state_dict()
    assert runner.iter == 8
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_in_validation_a_corrupt_image_is_an_error(folder, tmp_path, request):
    spoil(folder, _3='truncated')
    config = config_of(folder, tmp_path / 'run', request.node.name)
    config['val_dataloader'] = dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='ListedPictures',
            data_root=str(folder),
            test_mode=True,
            pipeline=[
                dict(type='mixmae.LoadImage'),
                dict(type='mixmae.PackTiny'),
            ],
        ),
    )
    config['val_evaluator'] = dict(type='ReconstructionMetric')
    config['val_cfg'] = dict()
    runner = Runner.from_cfg(Config(config))
    with pytest.raises(CorruptImageError, match='03.png: truncated'):
        runner.val()


def test_a_validation_folder_is_listed_too(folder, tmp_path):
    spoil(folder, _3='truncated')
    dataset = DATASETS.build(
        dict(
            type='UnlabeledImageFolder',
            data_root=str(folder),
            pipeline=[dict(type='mixmae.LoadImage')],
        )
    )

    class FakeRunner:
        work_dir = str(tmp_path)

        class val_dataloader:
            pass

    FakeRunner.val_dataloader.dataset = dataset
    hook = CorruptFilesHook()
    hook.before_val(FakeRunner)
    hook.before_val(FakeRunner)
    assert dataset[3]['sample_idx'] != 3
    [entry] = read_corrupt_files(tmp_path / 'corrupt_files.txt')
    assert (entry.cause, entry.sample) == ('truncated', '')
