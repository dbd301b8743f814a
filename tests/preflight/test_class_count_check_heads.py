"""Outputs of a head, compared with the classes of the data."""

import pytest

from tests.preflight.labelled_sets import (
    class_set,
    classification,
    messages,
    preflight,
)

pytest.importorskip('mmpretrain')


@pytest.mark.parametrize('count', [1, 2, 4, 1000])
def test_another_number_of_classes_is_refused_with_the_keys(tmp_path, count):
    config = classification(class_set(tmp_path / 'data'))
    _, raised = preflight(config, tmp_path, num_classes=count)
    line = str(raised)
    assert '\n' not in line
    assert f'model.head.num_classes is {count}' in line
    assert 'set model.head.num_classes=3' in line


@pytest.mark.parametrize('head', ['rpn_head', 'semantic_head', 'backbone'])
def test_heads_with_other_classes(tmp_path, head):
    config = classification(class_set(tmp_path / 'data'))
    findings, raised = preflight(config, tmp_path, head, 1)
    assert raised is None and messages(findings) == []
