"""Command that packs images."""

import subprocess

import pytest

from mixmae.cli.commands import pack as command
from mixmae.datasets import PackedImages
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    read_corrupt_files,
)
from tests.datasets.packed_pictures import content, save_classes
from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

TOOL = ROOT / 'tools' / 'dataset_converters' / 'pack.py'


@pytest.fixture
def folder(tmp_path):
    return save_classes(tmp_path / 'my images')


@pytest.fixture
def pack(folder, capsys):
    """Return exit status, output and errors."""
    tool = load_tool(TOOL)

    def call(*arguments):
        return tool.main([*map(str, arguments)]), *capsys.readouterr()

    return call


def test_a_folder(folder, tmp_path, pack):
    out = tmp_path / 'out'
    status, said, _ = pack(folder, out, '--short-side', 3, '--workers', 2)
    assert status == 0
    assert said == f'{out}: 20 images in 1 shards, 0.000 GB, 20 of them ' \
        'downscaled\n'  # fmt: skip
    assert len(PackedImages(str(out), with_label=True)) == 20
    done = subprocess.run(
        ['sha256sum', '-c', '--quiet', 'SHA256SUMS'], cwd=out, check=False
    )
    assert done.returncode == 0
    status, said, _ = pack(folder, out, '--short-side', 3)
    assert status == 0 and '20 already existed' in said


def test_options_that_change_what_is_packed(folder, tmp_path, pack):
    names = ['odd/03.png 5', 'even/02.png 0', 'odd/01.png 5']
    path = tmp_path / 'list.txt'
    path.write_text('\n'.join(names))
    out = tmp_path / 'list'
    assert pack(path, out, '--data-root', folder, '--shuffle', 1)[0] == 0
    dataset = PackedImages(str(out), with_label=True)
    found = {dataset[i]['img_path'][-6:-4]: dataset[i]['gt_label'] for i in
             range(3)}  # fmt: skip
    assert found == {'03': 5, '02': 0, '01': 5}
    bad = tmp_path / 'bad.txt'
    bad.write_text('empty\todd/01.png\n')
    out = tmp_path / 'less'
    assert pack(folder, out, '--exclude', bad, '--no-labels')[0] == 0
    dataset = PackedImages(str(out))
    assert len(dataset) == 19 and 'classes' not in dataset.metainfo


def test_corrupt_files_are_reported(folder, tmp_path, pack):
    (folder / 'odd' / '01.png').write_bytes(b'')
    (folder / 'odd' / '03.png').rename(folder / 'odd' / '0.3.png')
    status, said, _ = pack(folder, tmp_path / 'out')
    assert status == 1
    assert 'note: 1 names have more than one dot' in said
    assert f'1 files could not be packed: {tmp_path}/out/corrupt_files' in said
    listed = read_corrupt_files(tmp_path / 'out' / 'corrupt_files.txt')
    assert listed == [CorruptFile('empty', 'odd/01.png')]
    # The same command reports them again and does not pack them.
    (folder / 'odd' / '01.png').write_bytes(b'mended')
    status, said, _ = pack(folder, tmp_path / 'out')
    assert status == 1 and '19 already existed' in said
    assert f'1 files could not be packed: {tmp_path}/out/corrupt_files' in said
    assert f'remove {tmp_path}/out and pack again' in said


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['gone', 'out'], 'neither a folder'),
        (['empty', 'out'], 'no images in'),
        (['.', 'out', '--short-side', '0'], 'short_side must be'),
        (['.', 'out', '--quality', '80'], 'without --short-side'),
        (
            ['.', 'out', '--quality', '100', '--short-side', '9'],
            'quality must be',
        ),
        (['.', 'out', '--shard-size', '0'], 'a shard must be allowed'),
        (['.', 'out', '--workers', '-1'], 'workers must be'),
        (['.', 'out', '--exclude', 'gone.txt'], 'gone.txt does not exist'),
        (['.', 'out', '--data-root', '.'], 'is only for a list'),
        (['.', 'empty'], 'exists, but was packed from'),
        (['.', 'odd/01.png/out'], 'Not a directory'),
    ],
)
def test_invalid_arguments_are_one_line(
    folder, monkeypatch, pack, arguments, words
):
    monkeypatch.chdir(folder)
    (folder / 'empty').mkdir()
    before = content(folder)
    status, said, error = pack(*arguments)
    assert (status, said) == (2, '')
    assert words in error and error.count('\n') == 1
    assert content(folder) == before


def test_an_interrupted_packing_states_how_to_resume(
    folder, tmp_path, monkeypatch, capsys
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, 'pack', interrupt)
    assert command.main([str(folder), str(tmp_path / 'out')]) == 130
    said = capsys.readouterr().err
    assert f'to continue in {tmp_path}/out.partial' in said
