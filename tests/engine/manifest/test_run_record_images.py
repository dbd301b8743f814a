"""Comparison of the training images when a run is resumed."""

import copy

import numpy as np
import pytest
from mmengine.dataset import BaseDataset, ConcatDataset

from mixmae.engine.manifest.run_record import ImageNames

BOX = dict(bbox=[1.0, 2.0, 8.0, 9.0], bbox_label=0, ignore_flag=0)
POLYGON = [[1.0, 2.0, 8.0, 2.0, 8.0, 9.0]]


class Records(BaseDataset):
    """Data set of given records."""

    def __init__(self, records, **options):
        self.records = copy.deepcopy(records)
        super().__init__(**options)

    def load_data_list(self):
        return self.records


def records(folder='somewhere', instances=None, count=5):
    return [
        dict(
            img_path=f'{folder}/{number}.jpg',
            instances=[dict(BOX, mask=POLYGON)] * number
            if instances is None
            else instances,
        )
        for number in range(count)
    ]


def test_objects_are_compared_wherever_the_images_lie():
    one = ImageNames.of(Records(records('a/b')))
    assert one.objects and one.content is None
    assert one == ImageNames.of(Records(records('c'), serialize_data=False))
    assert one.objects != ImageNames.of(ConcatDataset(
        [Records(records('a/b')), Records(records('a/b'))]
    )).objects  # fmt: skip
    assert ImageNames.of(Records([dict(img_path='a/b')])).objects is None


@pytest.mark.parametrize(
    'change',
    [
        lambda one: one['bbox'].__setitem__(2, 8.5),
        lambda one: one.update(bbox_label=1),
        lambda one: one.update(ignore_flag=1),
        lambda one: one.update(mask=[[1.0, 2.0, 8.0, 2.0, 8.0, 9.1]]),
        lambda one: one.pop('mask'),
    ],
)
def test_other_objects_of_the_same_images(change):
    then, now = records(), copy.deepcopy(records())
    change(now[3]['instances'][1])
    one, other = (ImageNames.of(Records(x)) for x in (then, now))
    assert one.digest == other.digest and one.objects != other.objects


def test_objects_of_another_type_are_not_compared():
    found = ImageNames.of(Records(records(instances=[dict(bbox=slice(4))])))
    assert found.digest and found.objects is None
    one, other = (
        ImageNames.of(Records(records(instances=[dict(bbox=np.ones(4) * k)])))
        for k in (1, 2)
    )
    assert one.objects != other.objects


@pytest.mark.parametrize('name', ['img_path', 'seg_map_path'])
def test_files_of_the_same_names_and_other_content(tmp_path, name):
    def found():
        paths = [
            dict(
                img_path=str(tmp_path / f'{number}.jpg'),
                seg_map_path=str(tmp_path / f'{number}.png'),
            )
            for number in range(3)
        ]
        return ImageNames.of(Records(paths))

    for number in range(3):
        for suffix in ('jpg', 'png'):
            (tmp_path / f'{number}.{suffix}').write_bytes(b'x' * number)
    before = found()
    assert before == found() and before.content and before.objects
    suffix = 'jpg' if name == 'img_path' else 'png'
    (tmp_path / f'2.{suffix}').write_bytes(b'xy')
    after = found()
    assert after.content != before.content
    assert (after.digest, after.objects) == (before.digest, before.objects)
    # Loaders report what cannot be read.
    (tmp_path / f'1.{suffix}').unlink()
    assert found().digest == before.digest


def test_a_manifest_of_an_earlier_version():
    found = ImageNames.read(dict(count=3, digest='a'))
    assert found == ImageNames(3, 'a')
    for damaged in (None, [], dict(), dict(count='3'), dict(count=True)):
        assert ImageNames.read(damaged) is None
    assert ImageNames.read(dict(count=3, objects=[])) == ImageNames(3, None)
