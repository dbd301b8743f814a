"""Readers of names in files, called as ``reader(root, name) -> paths``."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import BaseDataset

from mixmae.data_tools.inaturalist_places_lists import write_lists
from mixmae.data_tools.packing.pack_source import read_source
from mixmae.data_tools.packing.packing import INDEX
from mixmae.data_tools.verification.inspection import Opening
from mixmae.data_tools.verification.verifier import verify
from mixmae.datasets import LmdbImages, PackedImages, UnlabeledImageFolder
from mixmae.datasets.labels.coco_entry_faults import (
    coco_entry_faults,
    read_coco,
)
from mixmae.datasets.listed_paths import check_listed_paths
from mixmae.datasets.packed.name_list import NameList
from mixmae.datasets.packed.sample_table import Shard, read_table
from tests.data_tools.test_inaturalist_places_lists import inaturalist
from tests.datasets.packed.test_tar_listing import write_tar
from tests.datasets.packed_pictures import pack_pictures
from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

UNPACK = ROOT / 'tools' / 'dataset_converters' / 'unpack_jpegs.py'


def write(path: Path, *lines: str) -> str:
    path.write_bytes('\n'.join([*lines, '']).encode())
    return str(path)


def paths(dataset: BaseDataset) -> list[str]:
    return [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]


def listed(root: Path, name: str) -> list[str]:
    images = str(root / 'images')
    listing = write(root / 'list.txt', 'a.png', name)
    return paths(UnlabeledImageFolder(images, ann_file=listing))


def listed_without_root(root: Path, name: str) -> list[str]:
    listing = write(root / 'images' / 'list.txt', 'a.png', name)
    return paths(UnlabeledImageFolder(ann_file=listing))


def labelled(root: Path, name: str) -> list[str]:
    listing = write(root / 'list.txt', 'a.png 0', f'{name} 1')
    source = read_source(listing, str(root / 'images'))
    return [os.path.join(source.folder, one) for one in source.names]


def classified(root: Path, name: str) -> list[str]:
    pytest.importorskip('mmpretrain')
    from mixmae.datasets.checked_custom import CheckedCustomDataset

    listing = write(root / 'list.txt', 'a.png 0', f'{name} 1')
    return paths(
        CheckedCustomDataset(
            data_root=str(root), data_prefix='images', ann_file=listing
        )
    )


def checked(root: Path, name: str) -> list[str]:
    write(root / 'images' / 'unused', '')
    (root / 'meta').mkdir()
    for split in ('train', 'val'):
        write(root / 'meta' / f'{split}.txt', f'{name} 1')
    findings = verify('places205', root, Opening('all'))
    bad = [line for line in findings.problems if 'file name' in line]
    assert len(bad) in (0, 2)
    if bad:
        raise ValueError(bad[0])
    return [str(root / name)]


def official(root: Path, name: str) -> list[str]:
    images = [dict(id=5, file_name=name), dict(id=6, file_name='6.jpg')]
    inaturalist(root, images=images)
    write_lists('inaturalist2018', root)
    return [str(root / 'meta' / 'train.txt')]


def places(root: Path, name: str) -> list[str]:
    for split in ('train', 'val'):
        write(root / f'{split}_places205.csv', f'{name} 1')
    write_lists('places205', root)
    lines = (root / 'meta' / 'train.txt').read_text().split('\n')
    return [str(root / line.rpartition(' ')[0]) for line in lines if line]


def coco(root: Path, name: str) -> list[str]:
    image = dict(id=1, file_name=name, width=4, height=4)
    content = dict(images=[image], annotations=[], categories=[])
    path = write(root / 'coco.json', json.dumps(content))
    for fault in coco_entry_faults(path, read_coco(path)):
        raise ValueError(fault.text)
    return [os.path.join(root, 'images', name)]


def openmmlab(root: Path, name: str) -> list[str]:
    """Read the annotation format of MMEngine's data sets."""
    content = dict(metainfo={}, data_list=[dict(img_path=name)])
    path = write(root / 'data.json', json.dumps(content))
    dataset = BaseDataset(
        path,
        data_root=str(root),
        data_prefix=dict(img_path='images'),
        serialize_data=False,
    )
    check_listed_paths(dataset)
    return paths(dataset)


def segmented(root: Path, name: str) -> list[str]:
    datasets = pytest.importorskip('mmseg.datasets')
    dataset = datasets.BaseSegDataset(
        ann_file=write(root / 'list.txt', name),
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='maps'),
        img_suffix='',
        seg_map_suffix='',
        metainfo=dict(classes=('a',)),
        pipeline=[],
    )
    check_listed_paths(dataset)
    return paths(dataset)


def detected(root: Path, name: str) -> list[str]:
    datasets = pytest.importorskip('mmdet.datasets')
    image = dict(id=1, file_name=name, width=4, height=4)
    category = dict(id=1, name='a')
    content = dict(images=[image], annotations=[], categories=[category])
    dataset = datasets.CocoDataset(
        ann_file=write(root / 'coco.json', json.dumps(content)),
        data_root=str(root),
        data_prefix=dict(img='images/'),
        metainfo=dict(classes=('a',)),
        pipeline=[],
    )
    check_listed_paths(dataset)
    return paths(dataset)


def tar(root: Path, name: str) -> list[str]:
    place = root / 'tars' / 'x.tar'
    write_tar(place, [('a.jpg', b'x'), (name, b'x')])
    return paths(PackedImages(str(place.parent)))


def packed(root: Path) -> Path:
    pack_pictures(root / 'images', root / 'packed')
    return root / 'packed' / INDEX


def rewrite(index: Path, **changes: object) -> None:
    with index.open('r+b') as file:
        table = replace(read_table(index), **changes)
        file.truncate()
        table.save(file)


def index_of_names(root: Path, name: str) -> list[str]:
    index = packed(root)
    rewrite(index, names=NameList.of(2 * [name.encode()]))
    return paths(PackedImages(str(index.parent)))


def index_of_shards(root: Path, name: str) -> list[str]:
    index = packed(root)
    rewrite(index, shards=(Shard(name, 10**6),))
    return paths(PackedImages(str(index.parent)))


def database(root: Path, name: str) -> list[str]:
    lmdb = pytest.importorskip('lmdb')
    place = str(root / 'images.lmdb')
    with (
        lmdb.open(place, map_size=2**20) as opened,
        opened.begin(write=True) as transaction,
    ):
        if name:
            transaction.put(name.encode(), b'x')
        transaction.put(b'a.jpg', b'x')
    return paths(LmdbImages(place))


def archive(root: Path, name: str) -> list[str]:
    np.savez(
        root / 'archive.npz',
        train_jpeg=np.zeros(3, np.uint8),
        train_offset=np.array([0, 3]),
        train_label=np.array([0]),
        classes=np.array(['cat', name]),
    )
    classes, _ = load_tool(UNPACK).read_archive(root / 'archive.npz')
    return [str(root / one) for one in classes]


# Readers, and the folder that names must stay in.
READERS = {
    'list': listed,
    'list without data_root': listed_without_root,
    'list with labels': labelled,
    'list of classes': classified,
    'list of a known set': checked,
    'official JSON': official,
    'official CSV': places,
    'COCO': coco,
    'COCO of mmdet': detected,
    'JSON of MMEngine': openmmlab,
    'list of segmentation': segmented,
    'tar': tar,
    'index, names': index_of_names,
    'index, shards': index_of_shards,
    'LMDB': database,
    'NumPy archive': archive,
}
TEXT = {
    'list',
    'list without data_root',
    'list with labels',
    'list of classes',
    'list of a known set',
    'official CSV',
    'list of segmentation',
}
FOREIGN = {'list of classes', 'list of segmentation', 'COCO of mmdet'}
# Names end at these characters in the formats.
CUT = {'tar': '\0', 'NumPy archive': '\0'}
