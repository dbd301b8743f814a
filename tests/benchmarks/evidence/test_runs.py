"""One run of the evidence campaign, on a few generated images."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from benchmarks.evidence.recipe import ROOT
from benchmarks.evidence.runs import Place, perform
from benchmarks.evidence.specs import (
    CAMPAIGN,
    RELEASED,
    FineTuning,
    Pretraining,
)


@pytest.fixture
def place(tmp_path):
    """Write ten classes that differ in colour: 70 train and 20 test images."""
    generator = np.random.default_rng(0)
    for split, count in (('train', 7), ('val', 2)):
        for label in range(10):
            folder = tmp_path / 'data' / split / f'class_{label}'
            folder.mkdir(parents=True)
            colour = [15 * label, 15 * (3 * label % 10), 15 * (7 * label % 10)]
            for number in range(count):
                pixels = generator.integers(0, 99, (128, 140, 3), np.uint8)
                pixels += np.array(colour, np.uint8)
                Image.fromarray(pixels).save(folder / f'{number:02d}.jpg')
    return Place(tmp_path / 'data', tmp_path / 'work', tmp_path / 'results')


def read(place, spec):
    return json.loads(place.result(spec.name).read_text())


@pytest.mark.slow
def test_untrained_backbones_are_distinguished_by_seed(place):
    specs = [Pretraining('mixmae', 0, seed) for seed in (0, 1)]
    for spec in specs:
        perform(spec, place, {})
    first, second = (read(place, spec) for spec in specs)
    assert first['figures']['knn'] > 0.3
    assert first['loss_of_each_epoch'] == []
    assert first['train_images'] == second['train_images'] == 70
    before = place.result(specs[0].name).stat()
    perform(specs[0], place, {})
    assert place.result(specs[0].name).stat() == before


@pytest.mark.slow
def test_a_killed_campaign_resumes(place):
    """A pretraining is killed; a fine-tuning that needs it completes it."""
    start = Pretraining('um_mae', 10)
    tuned = FineTuning(start.name, 60, 10)
    script = (
        'import sys\n'
        'from pathlib import Path\n'
        'from benchmarks.evidence.runs import Place, perform\n'
        'from benchmarks.evidence.specs import FineTuning, Pretraining\n'
        f'start, tuned = {start!r}, {tuned!r}\n'
        'place = Place(*map(Path, sys.argv[1:]))\n'
        'perform(tuned, place, {start.name: start})\n'
    )
    command = [sys.executable, '-c', script, *map(str, place)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    process = subprocess.Popen(command, env=environment)
    folder = place.folder(start.name)
    deadline = time.monotonic() + 120
    while not list(folder.glob('epoch_*.pth')):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    spent = json.loads((folder / 'processor_seconds.json').read_text())
    assert not place.results.exists()

    perform(tuned, place, {start.name: start})
    pretrained, result = read(place, start), read(place, tuned)
    assert len(pretrained['loss_of_each_epoch']) == start.epochs
    assert pretrained['processor_seconds']['train'] > spent['train']
    assert set(pretrained['figures']) >= {'ratio', 'knn', 'linear'}
    assert result['train_images'] == 60
    assert 0 <= result['figures']['accuracy'] <= 1
    for done in (pretrained, result):
        text = json.dumps(done['commands'])
        assert str(place.work_dir) not in text
        assert f'--seed {done["spec"]["seed"]}' in text
    assert f'epoch_{start.epochs}.pth' in json.dumps(result['commands'])
    assert folder.exists() and not place.folder(tuned.name).exists()


@pytest.mark.slow
def test_released_weights_replace_a_lost_checkpoint(place):
    name = next(iter(RELEASED))
    start = next(spec for spec in CAMPAIGN if spec.name == name)
    tuned = FineTuning(name, 60, 10)
    perform(tuned, place, {name: start})
    assert f'checkpoint={RELEASED[name]}' in read(place, tuned)['commands'][0]
    assert not place.result(name).exists()
