import json

import cv2
import numpy as np
import pytest

from tests.apis.tiny_setup import photo_folder, tiny_checkpoint, tiny_config
from tests.engine.tiny_run import ROOT
from tests.tools.running import call_tool

TOOL = ROOT / 'tools/reconstruct.py'


@pytest.fixture
def run(monkeypatch):
    def run(*arguments):
        call_tool(monkeypatch, TOOL, *arguments, '--device', 'cpu')

    return run


def test_panels_and_figures(run, tmp_path, capsys):
    checkpoint = tiny_checkpoint(tmp_path / 'epoch_1.pth')
    paths = photo_folder(tmp_path / 'in')
    out = tmp_path / 'deep' / 'out'
    run(checkpoint, f'{tmp_path}/in/a/*.png', paths[2], '--out', out)
    rows = json.loads((out / 'figures.json').read_text())
    assert [row['name'] for row in rows] == [str(path) for path in paths]
    panels = [row['panel'] for row in rows]
    assert {path.name for path in out.iterdir()} == {*panels, 'figures.json'}
    assert all(cv2.imread(str(out / panel)) is not None for panel in panels)
    assert all(row['loss'] > 0 for row in rows)
    said = capsys.readouterr()
    mean = sum(row['loss'] for row in rows) / 3
    assert f'3 images, mean loss {mean:.4f}' in said.out
    # The seed decides what is hidden, a config may be given.
    config = tmp_path / 'config.py'
    config.write_text(tiny_config().pretty_text)
    for name, seed in (('same', 0), ('other', 1)):
        folder = tmp_path / name
        options = ['--seed', seed, '--config', config, '--out', folder]
        run(checkpoint, *paths, *options)
        again = json.loads((folder / 'figures.json').read_text())
        same = [row['loss'] for row in again] == pytest.approx(
            [row['loss'] for row in rows], rel=1e-5
        )
        assert same == (name == 'same')


def method_config(neck: dict, masking: dict, **backbone):
    """Return the tiny config with another method."""
    cfg = tiny_config()
    cfg.model.data_preprocessor.masking = masking
    cfg.model.backbone.update(backbone)
    cfg.model.neck = dict(neck, in_channels=16, token_channels=8)
    cfg.model.head = dict(type='MaskedReconstructionHead')
    return cfg


def test_three_methods_side_by_side(run, tmp_path, capsys):
    um_mae = method_config(
        dict(
            type='UMMAENeck',
            cell=4,
            decoder=dict(embed_dims=16, depth=1, num_heads=2),
        ),
        dict(type='UniformMasking', cell=4, multiple=16),
        position_bias='log_coordinates',
    )
    simmim = method_config(
        dict(type='SimMIMNeck', cell=8, stride=8),
        dict(type='RandomMasking', ratio=0.6, cell=8, shared=False),
    )
    checkpoints = [
        tiny_checkpoint(tmp_path / f'{i}.pth', cfg)
        for i, cfg in enumerate((None, um_mae, simmim))
    ]
    paths = photo_folder(tmp_path / 'in')
    out = tmp_path / 'out'
    beside = ['--beside', *checkpoints[1:], '--out', out]
    run(checkpoints[0], *paths, *beside)
    folders = [out / name for name in ('1_mixmae', '2_um-mae', '3_simmim')]
    panels = sorted(path.name for path in out.glob('*.png'))
    assert len(panels) == 3
    for folder in folders:
        rows = json.loads((folder / 'figures.json').read_text())
        assert [row['panel'] for row in rows] == panels
        assert all(0 < row['loss'] < 100 for row in rows)
    for name in panels:
        stack = cv2.imread(str(out / name))
        parts = [cv2.imread(str(folder / name)) for folder in folders]
        below = 0
        for part in parts:
            below += 30
            height, width = part.shape[:2]
            found = stack[below : below + height, :width]
            assert np.array_equal(found, part)
            below += height
        # Three headings, three pictures.
        assert stack.shape[0] == below
    said = capsys.readouterr().out
    assert f'UM-MAE, {checkpoints[1]}' in said
    with pytest.raises(SystemExit):
        run(checkpoints[0], *paths, *beside, '--config', 'any.py')
    assert '--config applies to one checkpoint' in capsys.readouterr().err


def test_bad_input_is_one_line(run, tmp_path, capsys):
    checkpoint = tiny_checkpoint(tmp_path / 'epoch_1.pth')
    (image, *_) = photo_folder(tmp_path / 'in', ((40, 41),))
    out = tmp_path / 'out'
    broken = tmp_path / 'broken.png'
    broken.write_bytes(b'nothing')
    for arguments, said in (
        ([tmp_path / 'none.pth', image], 'no checkpoint file'),
        ([checkpoint, tmp_path / 'none.png'], 'no file or folder'),
        ([checkpoint, broken], 'cannot read image'),
        ([checkpoint, image, '--resize', 'none'], 'size 40x41 is not'),
        ([checkpoint, image, '--resize', 'big'], '--resize must be'),
        ([checkpoint, image, '--batch-size', '0'], 'batch_size must'),
        ([checkpoint, image, '--config', 'none.py'], 'does not exist'),
    ):
        with pytest.raises(SystemExit) as exit_:
            run(*arguments, '--out', out)
        assert exit_.value.code == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith('error: ') and said in line
    assert not out.exists()
    with pytest.raises(SystemExit):
        run(checkpoint, image, '--out', broken)
    assert 'must be a folder' in capsys.readouterr().err
