import json
import sys

import cv2
import pytest
import torch
from mmengine.config import Config

from mixmae.datasets.scenes.scene_set import SceneSet
from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

DEMO = ROOT / 'tools' / 'demo.py'


def test_table_shows_losses_as_well_as_gains():
    demo = load_tool(DEMO)
    before = {key: 0.5 for key, _, _ in demo.ROWS}
    after = dict(before, loss=0.4, knn=0.6, linear=0.4)
    lines = demo.table({'untrained': before, 'pretrained': after}).splitlines()
    assert lines[1].endswith('yes') and 'hidden cells' in lines[1]
    words = [line.split()[-1] for line in lines[1:8] if 'accuracy' in line]
    assert words == ['yes', 'NO', 'NO']


@pytest.mark.slow
def test_whole_demo_on_a_few_scenes(tmp_path, monkeypatch, capsys):
    demo = load_tool(DEMO)
    monkeypatch.setattr(demo, 'SCENES', SceneSet(train=128, val=40))
    monkeypatch.setattr(demo, 'SECONDS', 0)
    monkeypatch.setattr(demo, 'LEAST_EPOCHS', 3)
    monkeypatch.setattr(demo, 'FINE_TUNING', dict(epochs=1, batch_size=50))
    monkeypatch.setattr(demo, 'DENSE_IMAGES', 32)
    monkeypatch.setattr(demo, 'SEEDS', (0,))
    out = tmp_path / 'demo'
    arguments = ['demo.py', f'--work-dir={out}', f'--data={tmp_path / "data"}']
    monkeypatch.setattr(sys, 'argv', arguments)
    demo.main()
    text = capsys.readouterr().out
    assert 'untrained' in text and 'resuming' not in text
    results = json.loads((out / 'results.json').read_text())
    assert results['epochs'] == 3
    for name in ('untrained', 'pretrained'):
        for key, _, _ in demo.ROWS:
            assert results[name][key] >= 0
    for name in ('loss.png', 'reconstruction.png'):
        assert cv2.imread(str(out / name)) is not None
    (photograph,) = json.loads((out / 'photograph/figures.json').read_text())
    assert photograph['loss'] < photograph['mean_colour_loss']

    # After an interruption the next call resumes.
    cfg = Config.fromfile(demo.CONFIG)
    cfg.train_dataloader.dataset.data_root = str(tmp_path / 'data/imagenet')
    checkpoint = demo.pretrain(cfg, out / 'pretraining', torch.device('cpu'))
    assert 'resuming' in capsys.readouterr().out
    assert checkpoint.name == 'epoch_3.pth'
