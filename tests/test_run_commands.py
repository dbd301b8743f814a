"""Commands in the blocks of a page: each is run by a test, or marked.

A mark is a comment of its block, ``# needs ...`` or ``# takes ...``, such as
``# needs 8 GPUs and ImageNet-1K``. It holds for the lines below it, up to the
next comment. Commands within a sentence are only parsed, see
test_documented_commands.py.
"""

import argparse
import importlib
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mixmae.cli.subcommands import module_of
from tests.apis.tiny_setup import photo_folder, tiny_checkpoint
from tests.test_documented_commands import (
    BLOCK,
    OTHERS,
    PAGES,
    ROOT,
    _commands,
)
from tests.visualization.report.runs import pretraining, write_run

MARK = re.compile(r'#.*\b(?:needs|takes) \w+')
# Commands that other tests run, by a part that names each of them.
ELSEWHERE = {
    'mixmae pretrain --out runs/photos --data photos/': 'test_quick_start.py',
    'mixmae finetune --task classification --data classes/': (
        'test_quick_start.py'
    ),
    'mixmae finetune --task classification --data photos/': (
        'apis/test_fine_tuning.py'
    ),
    'mixmae finetune --task classification --data labelled/ --out runs/cats '
    '--init runs/roofs/': 'apis/test_fine_tuning.py',
    'mixmae finetune --task detection': 'test_quick_start.py',
    'mixmae finetune --task segmentation': 'test_quick_start.py',
    'mixmae predict runs/': 'test_quick_start.py',
    'mixmae export runs/cats cats.onnx': 'apis/test_onnx_export.py',
    'mixmae view runs/photos': 'viewer/test_viewer_server.py',
    'mixmae view work_dirs/run': 'viewer/test_viewer_server.py',
    'mixmae view mixmae.pth': 'browser/test_viewer.py',
    'mixmae view runs/detector': 'browser/test_viewer_tasks.py',
    'mixmae view mixmae:': 'apis/test_shipped_weights.py',
    'mixmae view roofs.safetensors': 'viewer/test_viewer_server.py',
    'mixmae train CONFIG --track': 'config/test_trackers.py',
    'mixmae pretrain --out runs/roofs --data photos/ --init swin_tiny': (
        'checkpoints/conversion/test_initial_weights.py'
    ),
    'python tools/convert.py SRC DST --from timm': (
        'checkpoints/conversion/test_timm_swin.py'
    ),
    'python tools/convert.py SRC DST --to mmdet': (
        'checkpoints/conversion/test_openmmlab_swin_networks.py'
    ),
    'python tools/model_converters/mixmae_to_onnx.py': (
        'tools/test_mixmae_to_onnx.py'
    ),
    'python tools/test.py CONFIG CHECKPOINT --show-dir': 'tools/test_test.py',
    'python tools/train.py CONFIG --resume --resume-with config': (
        'faults/__main__.py'
    ),
    'tools/dist_train.sh CONFIG 8': 'tools/test_launch_scripts.py',
    'tools/slurm_train.sh': 'tools/test_launch_scripts.py',
    '.venv/bin/python -m mixmae.doctor': 'doctor/test_checks.py',
    'python tools/evidence.py --report': 'tools/test_evidence.py',
}
# Targets of the Makefile that CI runs, or that prepare it.
CI = (
    'make test', 'make check', 'make demo', 'make docs', 'make base',
    'make full',
)  # fmt: skip
# Run below, each in one folder with photos and a pretraining.
RUN = (
    'mixmae report work_dirs/old_run',
    'mixmae report runs/a runs/b --out comparison.html',
    'python tools/reconstruct.py work_dirs/.../epoch_600.pth photos/ '
    '--out panels',
    'python tools/reconstruct.py mixmae.pth photos/ '
    '--beside um_mae.pth simmim.pth --out panels',
    'python tools/extract_features.py epoch_600.pth photos/ '
    '--out features.npz',
    'python tools/analysis_tools/plan_run.py '
    'configs/mixmae/swin-b_8xb128_600e.py --gpu h200 --num 8',
    'python tools/evidence.py --list',
    'mixmae convert runs/roofs/epoch_100.pth roofs.safetensors '
    '--to release --card card.json',
)


def unmarked(text: str) -> Iterator[str]:
    """Yield the commands in the blocks of a page that have no mark."""
    for block in BLOCK.findall(text):
        marked = False
        for line in block.replace('\\\n', ' ').splitlines():
            comment = re.search(r'(?:^|\s)#\s.*', line)
            if comment:
                marked = bool(MARK.search(comment[0]))
            # `...` in a path stands for a name.
            for words in _commands(line.replace('/.../', '/x/')):
                if not marked and words[0] not in OTHERS:
                    yield shlex.join(words).replace('/x/', '/.../')


@pytest.mark.parametrize('page', PAGES)
def test_every_command_is_run_or_marked(page):
    known = (*ELSEWHERE, *CI, *RUN)
    unknown = [
        command
        for command in unmarked((ROOT / page).read_text())
        if not command.startswith(known)
    ]
    assert not unknown, 'run them in a test, or mark them: # needs ...'


def test_a_new_command_is_noticed():
    new = '```shell\nmixmae dream a.png\n# needs a GPU\nmixmae fly b.png\n```'
    assert [*unmarked(new)] == ['mixmae dream a.png']


@pytest.mark.parametrize('path', sorted(set(ELSEWHERE.values())))
def test_other_tests_exist(path):
    assert (ROOT / 'tests' / path).is_file()


def test_no_command_is_listed_in_vain():
    pages = [(ROOT / page).read_text() for page in PAGES]
    found = [command for text in pages for command in unmarked(text)]
    listed = (*ELSEWHERE, *RUN)
    assert not [
        one for one in listed if not any(c.startswith(one) for c in found)
    ]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Folder with what the pages name: photos, runs and checkpoints."""
    place = tmp_path_factory.mktemp('reader')
    photo_folder(place / 'photos')
    tiny = tiny_checkpoint(place / 'epoch_600.pth')
    for name in (
        'work_dirs/.../epoch_600.pth',
        'mixmae.pth',
        'um_mae.pth',
        'simmim.pth',
        'runs/roofs/epoch_100.pth',
    ):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(tiny, path)
    for name in ('work_dirs/old_run', 'runs/a', 'runs/b'):
        write_run(place / name, pretraining([0.9, 0.8]))
    (place / 'card.json').write_text('{"title": "Roofs"}')
    (place / 'configs').symlink_to(ROOT / 'configs')
    return place


@pytest.mark.slow
@pytest.mark.parametrize('command', RUN)
def test_runs(command, folder, monkeypatch, capsys):
    program, *arguments = shlex.split(command.removeprefix('python '))
    monkeypatch.chdir(folder)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    if program == 'mixmae':
        main = importlib.import_module(module_of(arguments.pop(0))).main
        status = main(arguments)
    else:
        monkeypatch.setattr(sys, 'argv', [str(ROOT / program), *arguments])
        spec = importlib.util.spec_from_file_location(
            f'run_{Path(program).stem}', ROOT / program
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        status = module.main()
    assert not status
    out = argparse.ArgumentParser()
    out.add_argument('--out')
    written, _ = out.parse_known_args(arguments)
    if written.out:
        assert (folder / written.out).exists()
    else:
        assert capsys.readouterr().out
