"""Folders listed by other libraries: skipped files and link cycles."""

import os
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from mmengine.runner import BaseLoop
from PIL import Image

from mixmae.datasets.transforms.load_image import LoadImage
from mixmae.fileio.image_listing import ImageListing
from mixmae.preflight import PlannedRun
from mixmae.preflight.path_check import (
    InitialWeightsFile,
    ListedPaths,
    Pipelines,
    circles,
)
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.preflight.labelled_sets import (
    class_set,
    classification,
    preflight,
    segmentation,
    segmentation_set,
)
from tests.tools.running import call_tool


@pytest.mark.parametrize(
    'repeated, found',
    [
        ({}, []),
        ({'a/up': ''}, ['a/up']),
        ({'a/up': 'a'}, ['a/up']),
        ({'b': 'a'}, []),
        ({'ab/x': 'a'}, []),
        ({'a/x': 'b', 'b/y': 'a'}, ['a/x', 'b/y']),
        (
            {'a/x': 'b', 'b/y': 'c', 'c/z': 'a', 'd': 'a'},
            ['a/x', 'b/y', 'c/z'],
        ),
        ({'a/x': 'b', 'b/y': 'c'}, []),
    ],
)
def test_link_cycles(repeated, found):
    assert circles(ImageListing(repeated=repeated)) == found


def classes(tmp_path):
    pytest.importorskip('mmpretrain')
    root = class_set(tmp_path / 'data')
    place = next(one for one in (root / 'train').iterdir() if one.is_dir())
    return place, classification(root)


def maps(tmp_path):
    pytest.importorskip('mmseg')
    root = segmentation_set(tmp_path / 'data')
    return root / 'images' / 'train', segmentation(root)


@pytest.mark.parametrize('make', [classes, maps])
@pytest.mark.filterwarnings('ignore')
def test_skipped_files_are_counted(tmp_path, make):
    place, config = make(tmp_path)
    for name in ('a.heic', 'b.heic', 'notes.txt'):
        (place / name).touch()
    os.mkfifo(place / 'pipe.jpg')
    count = 3 if make is classes else 2
    findings, raised = preflight(config, tmp_path, num_classes=count)
    assert raised is None
    text = '\n'.join(findings['folders'].warnings)
    assert 'skipped by suffix: 2 .heic' in text
    assert 'not regular files: 1 named pipe' in text


@pytest.mark.parametrize('make', [classes, maps])
@pytest.mark.filterwarnings('ignore')
def test_a_link_cycle_is_an_error(tmp_path, make):
    place, config = make(tmp_path)
    for name in ('one', 'two'):
        (place / name).symlink_to('.')
    _, raised = preflight(config, tmp_path)
    lines = str(raised).splitlines()
    assert sum('links back to' in line for line in lines) == 2
    assert any(f'{place}/one links back to {place}' in line for line in lines)


@pytest.mark.filterwarnings('ignore')
def test_mmseg_reads_suffixes_case_sensitively(tmp_path):
    place, config = maps(tmp_path)
    (place / '9.JPG').touch()
    findings, _ = preflight(config, tmp_path)
    assert 'suffix: 1 .JPG' in '\n'.join(findings['folders'].warnings)


@pytest.mark.filterwarnings('ignore')
def test_a_folder_that_is_read_twice(tmp_path):
    place, config = classes(tmp_path)
    (place / 'more').mkdir()
    (place / '0.jpg').touch()
    (place.parent / 'zz').symlink_to(place.name)
    findings, _ = preflight(config, tmp_path)
    text = '\n'.join(findings['folders'].warnings)
    assert 'have two paths and are read twice' in text


def never(*_):
    raise AssertionError('an image is opened')


class Listed(BaseDataset):
    """Data set that lists a folder like those of other libraries."""

    def __init__(self, *names, ann_file='list.txt'):
        self.names = names
        super().__init__(
            ann_file, data_root='/data', data_prefix=dict(img_path='images')
        )

    def load_data_list(self):
        folder = self.data_prefix['img_path']
        return [dict(img_path=f'{folder}/{name}') for name in self.names]


class Loop(BaseLoop):
    def __init__(self, *datasets):
        self.dataloader = SimpleNamespace(dataset=datasets[0])
        if len(datasets) > 1:
            self.train_dataloader = SimpleNamespace(dataset=datasets[1])

    def run(self):
        pass


def look(**loops):
    names = ('_train_loop', '_val_loop', '_test_loop')
    # A loop that is not built is its config.
    runner = SimpleNamespace(**{name: {} for name in names} | loops)
    return ListedPaths().run(PlannedRun('train', Config({}), runner=runner))


def test_paths_are_counted():
    loop = Loop(Listed('a.jpg', 'b/c.jpg'), Listed('d.jpg'))
    found = look(_test_loop=loop, _val_loop=Loop(Listed('e.jpg')))
    assert found.compared.startswith('4 paths') and not found.errors


def test_nothing_is_compared_without_lists():
    assert look() is None
    assert look(_train_loop=Loop(Listed('../a.jpg', ann_file=''))) is None


@pytest.mark.parametrize(
    'wrap', ['none', 'concatenated', 'repeated', 'second']
)
def test_a_path_elsewhere_is_an_error_in_any_wrapper(wrap):
    sound, bad = Listed('a.jpg'), Listed('a.jpg', '../b.jpg')
    if wrap == 'concatenated':
        loop = Loop(ConcatDataset([sound, bad]))
    elif wrap == 'repeated':
        loop = Loop(RepeatDataset(bad, 2))
    else:
        loop = Loop(*([sound, bad] if wrap == 'second' else [bad]))
    (error,) = look(_test_loop=loop).errors
    assert '/data/list.txt: file name' in error and '../b.jpg' in error


@pytest.mark.parametrize('name', ['../secret.png', '/etc/passwd'])
def test_a_training_does_not_start(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setattr(LoadImage, 'load', never)
    pytest.importorskip('mmpretrain')
    (tmp_path / 'images').mkdir()
    for place in (tmp_path / 'secret.png', tmp_path / 'images' / 'a.png'):
        Image.new('RGB', (32, 32)).save(place)
    (tmp_path / 'list.txt').write_text('a.png\n' * 8 + f'{name}\n')
    config = tiny_config(tmp_path / 'run')
    config['train_dataloader']['dataset'] = dict(
        type='mmpretrain.CustomDataset',
        data_root=str(tmp_path),
        data_prefix='images',
        ann_file='list.txt',
        with_label=False,
        pipeline=[dict(type='mixmae.LoadImage')],
    )
    path = write_config(tmp_path / 'tiny.py', config)
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, ROOT / 'tools' / 'train.py', path)
    assert caught.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f'error: {tmp_path}/list.txt: file name')
    assert not list((tmp_path / 'run').glob('*.pth'))


@pytest.mark.parametrize(
    'dataset, error',
    [
        (dict(pipeline=[]), 'val_dataloader.dataset.pipeline is empty'),
        (
            dict(datasets=[dict(pipeline=[]), dict(pipeline=[])]),
            'val_dataloader.dataset.datasets.0.pipeline is empty',
        ),
        # A wrapper transforms; a data set of its own code has none.
        (dict(pipeline=[dict(type='a')], dataset=dict(pipeline=[])), None),
        (dict(type='Own'), None),
    ],
)
def test_data_sets_without_transforms(dataset, error):
    cfg = Config(dict(val_dataloader=dict(dataset=dataset)))
    found = Pipelines().run(PlannedRun('train', cfg))
    errors = found.errors if found else ()
    assert len(errors) == bool(error)
    assert not error or errors[0].startswith(error)


def test_missing_weights_are_said_by_the_checks(tmp_path):
    (tmp_path / 'a.pth').touch()

    def errors(path):
        start = dict(type='Pretrained', checkpoint=path)
        model = dict(backbone=dict(init_cfg=start), head=[dict(a=1)])
        planned = PlannedRun('train', Config(dict(model=model)))
        return InitialWeightsFile().run(planned)

    assert errors(str(tmp_path / 'a.pth')).errors == ()
    (line,) = errors(str(tmp_path / 'b.pth')).errors
    assert line.startswith('model.backbone.init_cfg.checkpoint=')
    assert 'model.backbone.init_cfg=None' in line
    for name in ('https://a.org/b.pth', 'mixmae:swin-demo_scenes-64'):
        assert errors(name).errors == ()
