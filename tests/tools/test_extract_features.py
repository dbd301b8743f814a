import os

import numpy as np
import pytest

from mixmae.apis import FeatureExtractor
from mixmae.fileio.shown_text import unescape
from tests.apis.tiny_setup import photo_folder, tiny_checkpoint
from tests.engine.tiny_run import ROOT
from tests.tools.running import call_tool

TOOL = ROOT / 'tools/extract_features.py'
SIZES = ((40, 48), (30, 60), (40, 48))


@pytest.fixture
def setup(tmp_path):
    checkpoint = tiny_checkpoint(tmp_path / 'epoch_1.pth')
    return checkpoint, photo_folder(tmp_path / 'in', SIZES)


@pytest.fixture
def run(monkeypatch):
    def run(*arguments):
        call_tool(monkeypatch, TOOL, *arguments, '--device', 'cpu')

    return run


def test_pooled(run, setup, tmp_path, capsys):
    checkpoint, paths = setup
    out = tmp_path / 'deep' / 'features.npz'
    options = ['--stages', 0, 1, '--batch-size', 2]
    run(checkpoint, tmp_path / 'in', '--out', out, *options)
    assert "'stage1': (3, 16)" in capsys.readouterr().out
    extract = FeatureExtractor(None, checkpoint, 'cpu', (0, 1))
    expected = extract([str(path) for path in paths], progress=False)
    with np.load(out) as arrays:
        assert sorted(arrays) == ['names', 'sizes', 'stage0', 'stage1']
        assert arrays['names'].tolist() == [str(path) for path in paths]
        assert arrays['sizes'].tolist() == [[40, 48], [40, 48], [30, 60]]
        for i, result in enumerate(expected):
            for stage in (0, 1):
                found = arrays[f'stage{stage}'][i]
                wanted = result['features'][stage]
                np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_maps_and_npy(run, setup, tmp_path):
    checkpoint, paths = setup
    out = tmp_path / 'maps.npz'
    run(checkpoint, tmp_path / 'in', '--out', out, '--maps')
    with np.load(out) as arrays:
        assert arrays['stage1_000000'].shape == (16, 5, 6)
        assert arrays['stage1_000002'].shape == (16, 4, 8)
        mean = arrays['stage1_000000'].mean((1, 2))
    out = tmp_path / 'vectors.npy'
    run(checkpoint, tmp_path / 'in', '--out', out)
    vectors = np.load(out)
    assert vectors.shape == (3, 16)
    np.testing.assert_allclose(vectors[0], mean, atol=1e-5)
    names = (tmp_path / 'vectors.names.txt').read_text().splitlines()
    assert names == [str(path) for path in paths]
    run(checkpoint, paths[0], '--out', out, '--resize', 20, 24)
    run(checkpoint, paths[0], '--out', out, '--resize', 'pipeline')


def test_bad_input_is_one_line_and_nothing_is_written(
    run, setup, tmp_path, capsys
):
    checkpoint, paths = setup
    broken = tmp_path / 'broken.png'
    broken.write_bytes(b'nothing')
    for name, arguments, said in (
        ('a.txt', [paths[0]], '.npz or .npy'),
        ('a.npy', [paths[0], '--maps'], 'one stage'),
        ('a.npy', [paths[0], '--stages', 0, 1], 'one stage'),
        ('in', [paths[0]], '.npz or .npy'),
        ('a.npz', [paths[0], '--stages', 7], 'from 0 to 1'),
        ('a.npz', [*paths, broken], 'broken.png'),
    ):
        with pytest.raises(SystemExit) as exit_:
            run(checkpoint, *arguments, '--out', tmp_path / name)
        assert exit_.value.code == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith('error: ') and said in line
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {'epoch_1.pth', 'in', 'broken.png'}
    run(
        checkpoint, broken, paths[0], '--skip-corrupt',
        '--out', tmp_path / 'a.npz',
    )  # fmt: skip
    with np.load(tmp_path / 'a.npz') as arrays:
        assert arrays['names'].tolist() == [str(paths[0])]


def test_what_cannot_be_read_or_replaced_is_one_line(
    run, setup, tmp_path, capsys
):
    checkpoint, _ = setup
    os.mkfifo(tmp_path / 'pipe.png')
    (tmp_path / 'out.npz').symlink_to('/dev/null')
    for arguments, words in (
        ([tmp_path / 'pipe.png', '--out', tmp_path / 'a.npz'], 'named pipe'),
        ([tmp_path / 'in', '--out', tmp_path / 'out.npz'], 'is a device'),
    ):
        with pytest.raises(SystemExit) as caught:
            run(checkpoint, *arguments)
        assert caught.value.code == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith('error: ') and words in line
    assert (tmp_path / 'out.npz').is_symlink()


def test_names_with_any_characters_take_a_line_each(run, setup, tmp_path):
    checkpoint, paths = setup
    folder = tmp_path / 'odd'
    folder.mkdir()
    for name in (b'a\nb.png', b'\xff.png', b'plain.png'):
        os.link(paths[0], os.fsencode(folder) + b'/' + name)
    out = tmp_path / 'odd.npy'
    run(checkpoint, folder, '--out', out)
    names = out.with_suffix('.names.txt').read_text('utf-8').splitlines()
    assert len(names) == len(np.load(out)) == 3
    assert {os.fsencode(unescape(name)) for name in names} == {
        os.fsencode(path) for path in folder.iterdir()
    }


@pytest.mark.parametrize(
    'options, message',
    [
        (['--resize', '99999999'], '--resize takes sides of 1 to'),
        (['--resize', '0'], '--resize takes sides of 1 to'),
        (['--out', '/proc/x.npz'], '/proc/x.npz cannot be written'),
    ],
)
def test_is_checked_before_the_work(
    run, setup, tmp_path, capsys, options, message
):
    checkpoint, _ = setup
    arguments = ['--out', tmp_path / 'out.npz', *options]
    with pytest.raises(SystemExit) as caught:
        run(checkpoint, tmp_path / 'in', *arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob('*.npz'))
