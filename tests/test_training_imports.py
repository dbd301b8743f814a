"""Modules of the package that a training imports."""

import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.utils import is_installed

from mixmae.datasets.scenes.scene_set import SceneSet

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
# Files beside ``__init__.py``: lower it with every module that is no longer
# imported.
MOST_FILES = 90
# A training converts, plans, diagnoses and packs nothing.
OTHER_ROOMS = (
    'mixmae.apis',
    'mixmae.checkpoints.conversion',
    'mixmae.cli.commands.convert',
    'mixmae.cli.commands.plan',
    'mixmae.cli.planned_speed',
    'mixmae.data_tools',
    'mixmae.datasets.scenes',
    'mixmae.doctor',
    'mixmae.profiling.gpu_table',
    'mixmae.profiling.memory',
    'mixmae.recipes',
)
# Neither a checkpoint, a label nor a picture is read before it is needed.
ON_DEMAND = (
    'mixmae.checkpoints.io.safe_load',
    'mixmae.checkpoints.loading',
    'mixmae.datasets.labels',
    'mixmae.evaluation.feature_extraction',
    'mixmae.models.layers.reduced_attention',
    'mixmae.preflight.class_name_check',
    'mixmae.preflight.resume_check',
    'mixmae.profiling.flops',
    'mixmae.visualization',
)
# Runs a tool up to its first iteration, then lists the modules.
SCRIPT = """
import os, runpy, sys
from mmengine.hooks import Hook
from mmengine.runner import Runner

class ListModules(Hook):
    priority = 'LOWEST'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        assert runner.val_loop is not None and data_batch
        for name, module in sorted(sys.modules.items()):
            file = getattr(module, '__file__', None) or ''
            if name.startswith('mixmae.') and not file.endswith('__init__.py'):
                print('loaded', name)
        sys.stdout.flush()
        os._exit(0)

train = Runner.train

def with_hook(runner):
    runner.register_hook(ListModules())
    return train(runner)

Runner.train = with_hook
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.fixture(scope='module')
def loaded(tmp_path_factory):
    """Return the modules that are loaded when the first step begins."""
    if not is_installed('mmpretrain'):
        pytest.skip('needs mmpretrain')
    folder = tmp_path_factory.mktemp('training')
    SceneSet(64, train=64, val=32, seed=0, formats=('imagenet',)).write(
        folder / 'scenes'
    )
    root = f'dataset.data_root={folder}/scenes/imagenet'
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            SCRIPT,
            str(ROOT / 'tools/train.py'),
            str(CONFIG),
            f'--work-dir={folder}/run',
            '--cfg-options',
            *(f'{name}_dataloader.{root}' for name in ('train', 'val')),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    names = [
        line.split()[1]
        for line in done.stdout.splitlines()
        if line.startswith('loaded ')
    ]
    assert 'mixmae.models.masked_image_model' in names, done.stderr[-2000:]
    return names


def below(names, packages):
    return [
        name
        for name in names
        if any(f'{name}.'.startswith(f'{package}.') for package in packages)
    ]


def test_few_files(loaded):
    assert len(loaded) <= MOST_FILES, '\n'.join(loaded)


def test_no_file_of_other_rooms(loaded):
    assert not below(loaded, OTHER_ROOMS)


def test_optional_modules_are_imported_on_demand(loaded):
    assert not below(loaded, ON_DEMAND)


@pytest.mark.parametrize('name', [*OTHER_ROOMS, *ON_DEMAND])
def test_named_modules_exist(name):
    """All names in this file exist."""
    path = ROOT.joinpath(*name.split('.'))
    planned = name == 'mixmae.recipes'
    assert planned or path.is_dir() or path.with_suffix('.py').is_file()
