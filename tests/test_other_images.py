"""Other images and weights than usual: data to prediction from the wheel."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.apis.own_data import COLOURS, picture, write_class_folders
from tests.full_tier import require_full_tier
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
    model = swin_transformer.SwinTransformer(
        img_size=64, window_size=4, embed_dim=8, depths=(1, 2, 1, 1),
        num_heads=(1, 1, 2, 2))
    model.pretrained_cfg = dict(mean=(0.5,) * 3, std=(0.2,) * 3)
    return model

swin_small_enough.__module__ = 'timm.models.swin_transformer'
timm.models._registry._module_to_models['swin_transformer'].add(
    'swin_small_enough')
run = mixmae.finetune(
    task='classification', data='classes', init='timm:swin_small_enough',
    out='run', epochs=1, num_workers=0)
write_predictions(Predictor(run.out, device='cpu'), 'classes/red', 'found')
"""


def write_classes(folder: Path) -> None:
    """Write three classes of grey TIFF with values of 12 bits."""
    for index in range(24):
        place = folder / list(COLOURS)[index % 3]
        place.mkdir(parents=True, exist_ok=True)
        values = picture(index)[0][..., index % 3].astype(np.uint16) * 16
        tifffile.imwrite(place / f'{index}.tif', values)


def write_regions(folder: Path) -> None:
    """Write TIFF of four bands of 16 bits, and masks of two classes."""
    for kind in ('images', 'masks'):
        (folder / kind).mkdir(parents=True)
    for index in range(20):
        pixels, (x, y, width, height) = picture(index)
        values = np.concatenate([pixels, pixels[..., :1]], -1)
        tifffile.imwrite(
            folder / 'images' / f'{index}.tif',
            values.astype(np.uint16) * 40,
            photometric='minisblack',
            planarconfig='contig',
        )
        mask = np.zeros((56, 64), np.uint8)
        mask[y : y + height, x : x + width] = 255
        Image.fromarray(mask).save(folder / 'masks' / f'{index}.png')


class Shell:
    """Commands of the wheel in a folder, which must not warn."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.mixmae, self.folder = python.parent / 'mixmae', folder

    def __call__(self, *words: str) -> str:
        # What the test says comes last, and so takes precedence.
        short = SHORT[words[0]].split()
        command = [self.mixmae, words[0], *short, *words[1:]]
        done = run(command, self.folder)
        assert 'warning' not in done.stdout + done.stderr, done
        return done.stdout


def predictions(folder: Path) -> list[dict[str, str]]:
    with (folder / 'found/predictions.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def test_grey_tiff_of_12_bits(installed: Path, tmp_path: Path) -> None:
    """The value range of the pretraining holds up to the prediction."""
    pytest.importorskip('mmpretrain')
    write_classes(tmp_path / 'classes')
    mixmae = Shell(installed, tmp_path)
    command = ['pretrain', '--data', 'classes', '--out', 'run']
    assert 'value_range' in mixmae(*command, '--in-channels', '1')
    command = ['finetune', '--task', 'classification', '--data', 'classes']
    command += ['--init', 'run/backbone.safetensors', '--out', 'classifier']
    assert 'that of the weights' in mixmae(*command)
    assert 'going on with' in mixmae(*command, '--resume')
    mixmae('predict', 'classifier', 'classes/red', '--out', 'found')
    assert len(predictions(tmp_path)) == 8


def test_tiff_of_four_bands(installed: Path, tmp_path: Path) -> None:
    """On two processes, with a frozen backbone, until nothing gets better."""
    pytest.importorskip('mmpretrain')
    require_full_tier()
    write_regions(tmp_path / 'roofs')
    mixmae = Shell(installed, tmp_path)
    command = ['pretrain', '--data', 'roofs/images', '--out', 'run']
    assert 'value_range' in mixmae(*command, '--in-channels', '4')
    command = ['finetune', '--task', 'segmentation', '--data', 'roofs']
    command += ['--init', 'run/backbone.safetensors', '--out', 'segmentor']
    command += ['--freeze-backbone', '--devices', '2', '--patience', '1']
    # No figure gets better at this rate.
    command += ['--lr', '1e-12']
    shown = mixmae(*command, '--epochs=3')
    assert 'epoch 2/3' in shown and 'epoch 3/3' not in shown
    compare_backbones(tmp_path)
    mixmae('predict', 'segmentor', 'roofs/images', '--out', 'found')
    assert len([*(tmp_path / 'found/masks').iterdir()]) == 20
    with Image.open(tmp_path / 'found/pictures/0.png') as image:
        assert image.mode == 'RGB'


def compare_backbones(folder: Path) -> None:
    """Compare a frozen backbone with the pretrained one."""
    (path,) = (folder / 'segmentor').glob('best_*.pth')
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
