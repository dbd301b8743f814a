"""Packing of a folder: content of shards and remains of an interrupted run."""

import hashlib
import os
import shutil
import signal
import time
from multiprocessing import get_context

import numpy as np
import pytest
from PIL import Image

from mixmae.data_tools.packing import packing
from mixmae.data_tools.packing.pack_settings import PackSettings
from mixmae.data_tools.packing.pack_source import read_source
from mixmae.data_tools.packing.packing import pack
from mixmae.datasets.corrupt.corrupt_file_list import (
    CorruptFile,
    read_corrupt_files,
)
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.packed.sample_table import read_table
from mixmae.datasets.packed.shards import write_shard
from mixmae.datasets.packed_images import PackedImages
from tests.datasets.packed_pictures import (
    LABELS,
    SHARD,
    content,
    pack_pictures,
    save_classes,
)


@pytest.fixture
def folder(tmp_path):
    return save_classes(tmp_path / 'images')


def test_all_images_are_packed(folder, tmp_path):
    out = tmp_path / 'deep' / 'out'
    report = pack_pictures(folder, out)
    assert (report.images, report.shards, report.bad) == (20, 4, [])
    shards = [f'shard-0000{i}.tar' for i in range(4)]
    assert sorted(os.listdir(out)) == ['SHA256SUMS', 'index.npz', *shards]
    assert os.listdir(out.parent) == ['out']
    table = read_table(out / 'index.npz')
    assert sorted(table.columns['label']) == sorted(LABELS)
    assert table.classes == ('even', 'odd')
    for line in (out / 'SHA256SUMS').read_text().splitlines():
        digest, name = line.split('  ')
        data = (out / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest


def test_packing_is_deterministic(folder, tmp_path):
    pack_pictures(folder, tmp_path / 'one', short_side=3)
    later = shutil.copytree(folder, tmp_path / 'elsewhere')
    for path in later.rglob('*.png'):
        os.utime(path, (1, 1))
    source = read_source(str(later))
    settings = PackSettings(short_side=3, shard_bytes=SHARD)
    pack(source, tmp_path / 'two', settings, workers=2)
    assert content(tmp_path / 'one') == content(tmp_path / 'two')


def test_packing_again_does_nothing(folder, tmp_path):
    out = tmp_path / 'out'
    pack_pictures(folder, out)
    before = content(out)
    report = pack_pictures(folder, out)
    assert (report.images, report.found) == (20, 20)
    assert content(out) == before
    with pytest.raises(ValueError, match='exists, but was packed from'):
        pack_pictures(folder, out, short_side=3)
    (folder / 'odd' / '01.png').unlink()
    with pytest.raises(ValueError, match='exists, but was packed from'):
        pack_pictures(folder, out)
    assert content(out) == before


def break_off(monkeypatch, shards):
    """Interrupt the packing after a number of shards."""
    left = list(range(shards))

    def write(*arguments):
        if not left:
            raise OSError(28, 'No space left')
        left.pop()
        return write_shard(*arguments)

    monkeypatch.setattr(packing, 'write_shard', write)


def test_errors_without_errno_show_their_text(folder, tmp_path, monkeypatch):
    """Some of Pillow's OSErrors have no errno."""

    def broken(*_):
        raise OSError('encoder error -2')

    monkeypatch.setattr(packing, 'write_shard', broken)
    with pytest.raises(ValueError, match='partial: encoder error -2; run'):
        pack_pictures(folder, tmp_path / 'out')


@pytest.mark.parametrize('shards', [0, 1, 3])
def test_a_full_disk_is_one_line_and_can_be_resumed(
    folder, tmp_path, monkeypatch, shards
):
    (folder / 'even' / '00.png').write_bytes(b'')
    (folder / 'odd' / '01.png').write_bytes(b'')
    whole = pack_pictures(folder, tmp_path / 'whole')
    out = tmp_path / 'out'
    with monkeypatch.context() as patch:
        break_off(patch, shards)
        with pytest.raises(ValueError, match='No space left; run the same'):
            pack_pictures(folder, out)
    assert not out.exists()
    if shards:
        with pytest.raises(ValueError, match='is incomplete'):
            PackedImages(str(tmp_path / 'out.partial'))
    report = pack_pictures(folder, out)
    assert bool(report.found) == bool(shards)
    assert report.bad == whole.bad and len(whole.bad) == 2
    assert content(out) == content(tmp_path / 'whole')
    assert not (tmp_path / 'out.partial').exists()


def test_a_kill_before_the_last_rename_loses_nothing(
    folder, tmp_path, monkeypatch
):
    """All is written, but not yet renamed."""
    out, partial = tmp_path / 'out', tmp_path / 'out.partial'
    pack_pictures(folder, tmp_path / 'whole')

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(out), 'rename', killed)
        with pytest.raises(KeyboardInterrupt):
            pack_pictures(folder, out)
    assert not out.exists() and partial.exists()
    break_off(monkeypatch, 0)
    pack_pictures(folder, out)
    assert content(out) == content(tmp_path / 'whole')


def test_other_settings_do_not_continue(folder, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        break_off(patch, 2)
        with pytest.raises(ValueError):
            pack_pictures(folder, tmp_path / 'out')
    before = content(tmp_path / 'out.partial')
    with pytest.raises(ValueError, match='started from other files or with'):
        pack_pictures(folder, tmp_path / 'out', short_side=3)
    assert content(tmp_path / 'out.partial') == before


def test_incomplete_shards_are_written_again(folder, tmp_path, monkeypatch):
    pack_pictures(folder, tmp_path / 'whole')
    with monkeypatch.context() as patch:
        break_off(patch, 3)
        with pytest.raises(ValueError):
            pack_pictures(folder, tmp_path / 'out')
    partial = tmp_path / 'out.partial'
    os.truncate(partial / 'shard-00001.tar', 99)
    (partial / '.shard-00003.tar.1.partial').write_bytes(b'half')
    assert pack_pictures(folder, tmp_path / 'out').found == 5
    assert content(tmp_path / 'out') == content(tmp_path / 'whole')


def test_existing_files_are_not_replaced(folder, tmp_path):
    partial = tmp_path / 'out.partial'
    partial.mkdir()
    (partial / 'mine.txt').write_text('x')
    with pytest.raises(ValueError, match='was not written by mixmae pack'):
        pack_pictures(folder, tmp_path / 'out')
    assert content(partial) == {'mine.txt': b'x'}


def test_corrupt_files_are_left_out_and_listed(folder, tmp_path):
    (folder / 'even' / '02.png').write_bytes(b'no image')
    (folder / 'odd' / '03.png').write_bytes(b'')
    bad = [
        CorruptFile('no image', 'even/02.png'),
        CorruptFile('empty', 'odd/03.png'),
    ]
    report = pack_pictures(folder, tmp_path / 'out', short_side=3)
    assert (report.images, report.shrunk, report.bad) == (18, 18, bad)
    assert read_corrupt_files(tmp_path / 'out' / 'corrupt_files.txt') == bad
    for path in folder.rglob('*.png'):
        path.write_bytes(b'')
    with pytest.raises(ValueError, match='none of the 20 files can be packed'):
        pack_pictures(folder, tmp_path / 'none')
    assert not (tmp_path / 'none.partial').exists()


def pack_slowly(folder, out):
    """Pack one shard, then wait; runs in another process."""
    left = [1]

    def write(*arguments):
        if not left:
            time.sleep(60)
        left.clear()
        return write_shard(*arguments)

    packing.write_shard = write
    pack_pictures(folder, out)


def test_a_killed_packing_is_resumed(folder, tmp_path):
    out, partial = tmp_path / 'out', tmp_path / 'out.partial'
    process = get_context('fork').Process(
        target=pack_slowly, args=(folder, out)
    )
    process.start()
    for _ in range(3000):
        if (partial / 'shard-00000.tar.part.npz').exists():
            break
        time.sleep(0.01)
    with pytest.raises(ValueError, match='another process is packing'):
        pack_pictures(folder, out)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not out.exists()
    with pytest.raises(ValueError, match='is incomplete'):
        PackedImages(str(partial))
    assert pack_pictures(folder, out).found == 5
    pack_pictures(folder, tmp_path / 'whole')
    assert content(out) == content(tmp_path / 'whole')


def test_settings_of_the_decoder_are_part_of_a_pack(tmp_path):
    """They change the bytes; default settings are not stored."""
    folder = tmp_path / 'images'
    folder.mkdir()
    deep = np.full((8, 8), 2048, np.uint16)
    Image.fromarray(deep).save(folder / 'a.png')
    source = read_source(str(folder))
    plain = PackSettings(short_side=4)
    assert 'decoding' not in plain.made(source)
    settings = PackSettings(
        short_side=4, decoding=ImageDecoding(value_range=(0, 4095))
    )
    out = tmp_path / 'out'
    pack(source, out, settings)
    before = content(out)
    # The same command once more, and with other settings.
    assert pack(source, out, settings).found == 1
    assert content(out) == before
    with pytest.raises(ValueError, match='was packed from other files'):
        pack(source, out, plain)
    with pytest.raises(ValueError, match='short side'):
        PackSettings(decoding=ImageDecoding(extra_band='drop'))


def test_unsupported_files_are_reported_by_kind(tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for index in range(3):
        values = np.full((8, 8), index, np.float32)
        Image.fromarray(values).save(folder / f'{index}.tif')
    source, settings = read_source(str(folder)), PackSettings(short_side=4)
    with pytest.raises(ValueError, match='0.tif, is: unsupported .*floats'):
        pack(source, tmp_path / 'out', settings)
    Image.new('RGB', (8, 8)).save(folder / 'sound.png')
    report = pack(read_source(str(folder)), tmp_path / 'out', settings)
    [(kind, count)] = report.unsupported.items()
    assert count == 3 and '32-bit floats' in kind
    assert [bad.cause for bad in report.bad] == ['unsupported'] * 3
