"""Other images and weights than usual: data to prediction from the wheel."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import load_file

from tests.apis.own_data import COLOURS, picture, write_class_folders
from tests.package_samples import run
from tests.quick_start import SHORT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('quick start')]

TIMM = """
import timm, torch
from timm.models import register_model, swin_transformer
import mixmae
from mixmae.apis import Predictor
from mixmae.apis.prediction_files import write_predictions

@register_model
def swin_small_enough(pretrained=False, **options):
    # Weights of a hub are not there in a test.
    return swin_transformer.SwinTransformer(
        img_size=64, window_size=4, embed_dim=8, depths=(1, 2, 1, 1),
        num_heads=(1, 1, 2, 2))

swin_small_enough.__module__ = 'timm.models.swin_transformer'
timm.models._registry._module_to_models['swin_transformer'].add(
    'swin_small_enough')
run = mixmae.finetune(
    task='classification', data='classes', init='timm:swin_small_enough',
    out='run', epochs=1, num_workers=0)
write_predictions(Predictor(run.out, device='cpu'), 'classes/red', 'found')
"""


def write_tiffs(folder: Path, channels: int, most: int) -> None:
    """Write three classes of TIFF with values of 0 to ``most``."""
    for index in range(24):
        place = folder / list(COLOURS)[index % 3]
        place.mkdir(parents=True, exist_ok=True)
        pixels = picture(index)[0].astype(np.uint16) * (most // 255)
        if channels == 1:
            values = pixels[..., index % 3]
        else:
            values = np.concatenate([pixels, pixels[..., :1]], -1)
        tifffile.imwrite(
            place / f'{index}.tif',
            values,
            photometric='minisblack',
            planarconfig='contig' if channels > 1 else None,
        )


def predictions(folder: Path) -> list[dict[str, str]]:
    with (folder / 'found/predictions.csv').open(newline='') as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(('channels', 'most'), [(1, 4095), (4, 10200)])
def test_tiff(
    installed: Path, tmp_path: Path, channels: int, most: int
) -> None:
    """The value range of the pretraining holds up to the prediction."""
    pytest.importorskip('mmpretrain')
    write_tiffs(tmp_path / 'classes', channels, most)
    mixmae = installed.parent / 'mixmae'

    def said(*command: object) -> str:
        done = run([mixmae, *command], tmp_path)
        text = done.stdout + done.stderr
        assert 'warning' not in text
        return text

    command = ['pretrain', '--data', 'classes', '--out', 'run']
    command += ['--in-channels', str(channels), *SHORT['pretrain'].split()]
    assert 'value_range' in said(*command)
    command = ['finetune', '--task', 'classification', '--data', 'classes']
    command += ['--init', 'run/backbone.safetensors', '--out', 'classifier']
    command += SHORT['finetune'].split()
    if channels == 1:
        said(*command)
        assert 'going on with' in said(*command, '--resume')
    else:
        frozen = ['--freeze-backbone', '--devices', '2']
        # No figure gets better at this rate.
        stopping = ['--epochs', '4', '--patience', '1', '--lr', '1e-12']
        shown = said(*command, *frozen, *stopping)
        assert 'epoch 2/4' in shown and 'epoch 3/4' not in shown
        compare_backbones(tmp_path)
    said('predict', 'classifier', 'classes/red', '--out', 'found')
    assert len(predictions(tmp_path)) == 8


def compare_backbones(folder: Path) -> None:
    """Compare a frozen backbone with the pretrained one."""
    (path,) = (folder / 'classifier').glob('best_*.pth')
    state = torch.load(path, weights_only=False)['state_dict']
    before = load_file(folder / 'run/backbone.safetensors')
    for name, value in before.items():
        assert torch.equal(state[f'backbone.{name}'], value), name


def test_a_swin_of_timm(installed: Path, tmp_path: Path) -> None:
    pytest.importorskip('mmpretrain')
    pytest.importorskip('timm')
    write_class_folders(tmp_path / 'classes')
    said = run([installed, '-c', TIMM], tmp_path).stdout
    assert 'a Swin of timm' in said
    assert len(predictions(tmp_path)) == 8
