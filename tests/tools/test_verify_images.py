"""Command that opens every image of a folder."""

import numpy as np
import pytest
from PIL import Image

from mixmae.cli.commands import check_data
from mixmae.cli.commands.check_data import unlabelled_images
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    read_corrupt_files,
)
from tests.datasets.packed_pictures import pack_pictures
from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

TOOL = ROOT / 'tools' / 'dataset_converters' / 'verify_images.py'


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'my images'
    folder.mkdir()
    for index in range(6):
        Image.new('RGB', (9, 9)).save(folder / f'{index}.png')
    return folder


def test_a_valid_folder(folder, tmp_path, capsys):
    out = tmp_path / 'bad.txt'
    arguments = [str(folder), '--workers', '2', '--out', str(out)]
    assert load_tool(TOOL).main(arguments) == 0
    said = capsys.readouterr()
    assert f'{folder}: 6 images opened, none is corrupt' in said.out
    assert read_corrupt_files(out) == []


def test_an_unknown_kind_is_one_line(folder, capsys):
    assert check_data.main(['class-folder', str(folder)]) == 2
    said = capsys.readouterr().err
    assert 'class-folders' in said and said.count('\n') == 1


def test_corrupt_files_are_counted_and_listed(folder, tmp_path, capsys):
    (folder / '1.png').write_bytes(b'')
    (folder / '2.png').write_bytes(b'')
    (folder / '4\n.png').write_bytes(b'text')
    (folder / '0.png').rename(folder / '0.jpg')
    out = tmp_path / 'bad.txt'
    arguments = [str(folder), '--out', str(out), '--limit', '2']
    assert load_tool(TOOL).main(arguments) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        'empty: 1.png',
        'empty: 2.png',
        '... and 1 more',
        'note: 1 images have another format than their suffix; they can be '
        'read nevertheless',
        f'{folder}: 7 images opened, 3 corrupt (2 empty, 1 no image)',
    ]
    assert read_corrupt_files(out) == [
        CorruptFile('empty', '1.png'),
        CorruptFile('empty', '2.png'),
        CorruptFile('no image', '4\n.png'),
    ]
    assert f'3 corrupt files of 7 below {folder}' in out.read_text()
    assert load_tool(TOOL).main([str(folder), '--strict']) == 1
    assert '1 wrong suffix' in capsys.readouterr().out


def test_shards_are_opened(folder, tmp_path, capsys):
    (folder / '1.png').write_bytes(b'text')
    pack_pictures(folder, tmp_path / 'packed')
    packed = str(tmp_path / 'packed')
    assert load_tool(TOOL).main([packed, '--checksums-only']) == 0
    assert '6 images read, none is corrupt' in capsys.readouterr().out
    out = tmp_path / 'bad.txt'
    assert load_tool(TOOL).main([packed, '--out', str(out)]) == 1
    assert '6 images opened, 1 corrupt (1 no image)' in capsys.readouterr().out
    assert read_corrupt_files(out) == [
        CorruptFile('no image', 'shard-00000.tar/1.png')
    ]
    assert load_tool(TOOL).main([packed, '--strict']) == 2
    assert '--strict is for folders of files' in capsys.readouterr().err
    assert load_tool(TOOL).main([str(folder), '--checksums-only']) == 2
    assert '--checksums-only is for shards' in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['gone'], 'gone: no such folder'),
        (['empty'], 'no images'),
        (['.', '--min-side', '0'], 'min_side'),
        (['.', '--max-pixels', '-1'], 'max_pixels'),
        (['.', '--workers', '-1'], 'workers'),
        (['.', '--limit', '-1'], 'limit'),
        (['.', '--out', 'gone/bad.txt'], 'output folder does not exist'),
        (['.', '--ann-file', 'gone.txt'], 'gone.txt does not exist'),
        (['.', '--out', '/dev/null'], 'it is a device, not a regular file'),
        (['.', '--ann-file', '/dev/null'], 'it is a device'),
    ],
)
def test_invalid_arguments_are_one_line(
    folder, monkeypatch, capsys, arguments, words
):
    monkeypatch.chdir(folder)
    (folder / 'empty').mkdir()
    assert load_tool(TOOL).main(arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count('\n') == 1
    assert said.out == ''


def test_an_interrupted_run_writes_nothing(
    folder, tmp_path, monkeypatch, capsys
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(unlabelled_images, 'verify_image_folder', interrupt)
    out = tmp_path / 'bad.txt'
    assert unlabelled_images.main([str(folder), '--out', str(out)]) == 130
    assert 'interrupted' in capsys.readouterr().err
    assert not out.exists()


def test_unsupported_files_have_a_heading_of_their_own(folder, capsys):
    for index in range(3):
        values = np.full((9, 9), index, np.float32)
        Image.fromarray(values).save(folder / f'{index}.png', 'TIFF')
    assert load_tool(TOOL).main([str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [f'unsupported: {index}.png' for index in range(3)]
    assert lines[-3].startswith('unsupported: 3 of the files are intact')
    assert '3 of TIFF, 1 band of 32-bit floats' in lines[-2]
    assert '3 corrupt (3 unsupported)' in lines[-1]
    # They can be read when it is known what is white.
    arguments = [str(folder), '--value-range', '0', '1']
    assert load_tool(TOOL).main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    [note] = [line for line in lines if 'floats' in line]
    assert note.startswith('note: 3 images of 32-bit floats have values')
    assert '0 to 2' in note and 'in 1 images' in note


def test_settings_without_effect(folder, tmp_path, capsys):
    pack_pictures(folder, tmp_path / 'packed')
    arguments = ['--checksums-only', '--extra-band', 'drop']
    packed = str(tmp_path / 'packed')
    assert load_tool(TOOL).main([packed, *arguments]) == 2
    assert '--checksums-only does not decode images' in capsys.readouterr().err
    arguments = ['--value-range', '3', '2']
    assert load_tool(TOOL).main([str(folder), *arguments]) == 2
    assert 'value_range must be (low, high)' in capsys.readouterr().err
