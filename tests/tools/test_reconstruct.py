import json

import cv2
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
    assert '3/3' in said.err
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
        ([checkpoint, image, '--config', 'none.py'], 'no config file'),
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
