"""Class folders that would shift labels."""

import shutil

import pytest

from mixmae.preflight.class_name_check import folder_of_classes
from mixmae.preflight.data_sets import ConfiguredSet
from tests.preflight.labelled_sets import (
    checked,
    class_set,
    classification,
    messages,
    preflight,
)

pytest.importorskip('mmpretrain')


def test_valid_folders_have_no_finding(tmp_path, capsys):
    root = class_set(tmp_path / 'data')
    findings, raised = preflight(classification(root), tmp_path, num_classes=3)
    assert raised is None
    assert messages(findings) == []
    assert 'class folders' in findings
    assert checked(capsys, 'class-folders', root) == []


@pytest.mark.parametrize(
    'train, val, words',
    [
        ('abc', 'bc', 'val: lacks class a'),
        ('abc', 'ac', 'val: lacks class b'),
        ('abc', 'abcd', 'val: has class d'),
        (['apple', 'Cat'], ['apple', 'cat'], "class 'cat' is spelled 'Cat'"),
        (['a', 'b', '__MACOSX'], 'ab', '__MACOSX counts as a class'),
        (
            {'.ipynb_checkpoints': 0, 'a': 2, 'b': 2},
            'ab',
            '.ipynb_checkpoints counts as a class',
        ),
        (['cat', 'Cat', 'dog'], ['cat', 'Cat', 'dog'], "'Cat' and 'cat'"),
        ({'a': 2, 'b': 0}, 'ab', 'no image'),
    ],
)
def test_preflight_and_checker_agree(tmp_path, capsys, train, val, words):
    root = class_set(tmp_path / 'data', train, val)
    count = len(train)
    findings, _ = preflight(classification(root), tmp_path, num_classes=count)
    assert any(words in line for line in messages(findings)), messages(
        findings
    )
    lines = checked(capsys, 'class-folders', root)
    assert any(
        words in line and line.startswith('problem') for line in lines
    ), lines


def test_images_beside_the_class_folders_are_counted(tmp_path, capsys):
    """They are read by nothing."""
    root = class_set(tmp_path / 'data')
    for name in ('stray.png', 'other.JPG', 'notes.txt', '.hidden.png'):
        (root / 'train' / name).write_text('')
    findings, raised = preflight(classification(root), tmp_path, num_classes=3)
    assert raised is None
    words = 'images are outside of class folders'
    assert any(
        f'2 {words}' in line for line in findings['class folders'].warnings
    )
    assert any(
        words in line for line in checked(capsys, 'class-folders', root)
    )


@pytest.mark.parametrize('val', ['bc', 'ac'])
def test_shifted_labels_are_refused(tmp_path, val):
    """The message advises an empty folder in place of a missing class."""
    root = class_set(tmp_path / 'data', 'abc', val)
    config = classification(root)
    findings, raised = preflight(config, tmp_path, num_classes=3)
    assert raised is not None and 'empty folder keeps the place' in str(raised)
    (missing,) = set('abc') - set(val)
    (root / 'val' / missing).mkdir()
    findings, raised = preflight(config, tmp_path, num_classes=3)
    assert raised is None
    assert any('no image' in line for line in messages(findings))


def test_names_in_another_order_than_the_folders(tmp_path):
    root = class_set(tmp_path / 'data', ['cat', 'cow'], ['cat', 'cow'])
    for names, fault in ((('cat', 'cow'), False), (('cow', 'cat'), True)):
        config = classification(root, metainfo=dict(classes=names))
        _, raised = preflight(config, tmp_path)
        assert (raised is not None) == fault
    assert "has the name 'cow'" in str(raised)


def test_class_names_may_differ_from_folder_names(tmp_path):
    """ImageNet's folders are numbers, for example."""
    root = class_set(tmp_path / 'data', ['n1', 'n2'], ['n1', 'n2'])
    config = classification(root, metainfo=dict(classes=('tench', 'shark')))
    findings, raised = preflight(config, tmp_path)
    assert raised is None and messages(findings) == []


def test_a_test_set_of_the_config_is_compared_too(tmp_path):
    root = class_set(tmp_path / 'data')
    shutil.copytree(root / 'val', root / 'test')
    config = classification(root)
    config.test_dataloader = dict(
        dataset=dict(config.val_dataloader.dataset, data_prefix='test')
    )
    findings, raised = preflight(config, tmp_path, num_classes=3)
    assert raised is None and messages(findings) == []
    shutil.rmtree(root / 'test' / 'a')
    findings, raised = preflight(config, tmp_path, num_classes=3)
    # The training does not read it.
    assert raised is None
    assert any('test: lacks class a' in line for line in messages(findings))


@pytest.mark.parametrize(
    'kind', ['CustomDataset', 'mixmae.CheckedCustomDataset']
)
def test_folders_of_mmpretrains_data_set_and_of_ours(tmp_path, kind):
    config = dict(type=kind, data_root=str(tmp_path), data_prefix='train')
    one = ConfiguredSet('dataset', '', config, 'mmpretrain', True)
    assert folder_of_classes(one) == tmp_path / 'train'
    listed = ConfiguredSet(
        'dataset', '', config | dict(ann_file='a.txt'), 'mmpretrain', True
    )
    assert folder_of_classes(listed) is None
