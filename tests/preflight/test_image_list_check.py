"""Image lists: their lines, and images in more than one split."""

import pytest

from tests.preflight.labelled_sets import (
    class_set,
    classification,
    messages,
    preflight,
)

pytest.importorskip('mmpretrain')


def listed(root, train, val):
    """Return the config of lists with paths relative to a common folder."""
    class_set(root)
    config = classification(root, data_prefix='')
    for split, lines in (('train', train), ('val', val)):
        (root / f'{split}.txt').write_bytes(
            lines if isinstance(lines, bytes) else '\n'.join(lines).encode()
        )
        config[f'{split}_dataloader'].dataset.ann_file = f'{split}.txt'
    return config


def lines(split, labels=(0, 1, 2)):
    return [
        f'{split}/{name}/{number}.png {label}'
        for name, label in zip('abc', labels)
        for number in range(2)
    ]


def found(tmp_path, train, val):
    config = listed(tmp_path / 'data', train, val)
    return preflight(config, tmp_path, num_classes=3)


def test_valid_lists(tmp_path):
    findings, raised = found(tmp_path, lines('train'), lines('val'))
    assert raised is None and messages(findings) == []
    assert findings['images of splits'].compared == (
        'images: 6 of train, 6 of val'
    )


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ([lines('train')[0].replace(' ', ',')], 'line 1: '),
        (['\ufeff' + lines('train')[0]], 'begins with a byte order mark'),
        ([lines('train')[0].replace(' ', '\t')], 'line 1: '),
        ([*lines('train')[:2], '', 'x'], 'line 3: .* .1 more such lines'),
        (['a/0.png 0.0'], 'line 1: .* must be a path, a space and the number'),
        (['a/0.png cat'], 'line 1: '),
        ([''], 'line 1: '),
        (b'a/\xe4.png 0', 'is not in UTF-8'),
    ],
)
def test_lines_without_a_valid_label(tmp_path, content, words):
    _, raised = found(tmp_path, content, lines('val'))
    assert raised is not None
    with pytest.raises(type(raised), match=f'train.txt.*{words}'):
        raise raised
    assert '\n' not in str(raised)


@pytest.mark.parametrize(
    ('train', 'val', 'words', 'refused'),
    [
        (['train/a/0.png 1'], [], '1 images are listed with two labels', True),
        (['train/a/0.png 0'], [], '1 images are listed twice', False),
        ([], ['train/a/0.png 0'], '1 of the 7 images of the val data', False),
    ],
)
def test_images_listed_twice(tmp_path, train, val, words, refused):
    train, val = [*lines('train'), *train], [*lines('val'), *val]
    findings, raised = found(tmp_path, train, val)
    (line,) = messages(findings)
    assert words in line
    assert (raised is not None) == refused


def test_a_label_that_means_another_folder(tmp_path):
    _, raised = found(tmp_path, lines('train', (1, 2, 0)), lines('val'))
    assert raised is not None
    assert "folders 'a' have label 0 in the val data, but 1" in str(raised)


def test_folders_with_the_name_of_another_class(tmp_path):
    """Both lists agree, so that only the names show it."""
    root = tmp_path / 'data'
    config = listed(root, lines('train'), lines('val'))
    for names, refused in (('bac', True), ('xyz', False)):
        for split in ('train', 'val'):
            dataset = config[f'{split}_dataloader'].dataset
            dataset.metainfo = dict(classes=tuple(names))
        _, raised = preflight(config, tmp_path, num_classes=3)
        assert (raised is not None) == refused
        if refused:
            words = "folders 'a' have label 0, which is class 'b'"
            assert words in str(raised)


def test_a_list_of_missing_images(tmp_path):
    train = [line.replace('train/', 'train\\') for line in lines('train')]
    _, raised = found(tmp_path, train, lines('val'))
    assert raised is not None and '6 of 6 images are missing' in str(raised)
