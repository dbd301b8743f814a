"""Command ``check_dataset``."""

import json

import numpy as np
import pytest
from PIL import Image

from mixmae.datasets.scenes.scene_set import SceneSet
from tests.engine.tiny_run import ROOT
from tests.tools.running import load_tool

TOOL = ROOT / 'tools' / 'dataset_converters' / 'check_dataset.py'


@pytest.fixture
def scenes(tmp_path):
    SceneSet(size=16, train=12, val=12).write(tmp_path / 'scenes')
    return tmp_path / 'scenes'


def test_a_valid_set(scenes, capsys):
    assert load_tool(TOOL).main(['scenes', str(scenes)]) == 0
    said = capsys.readouterr()
    assert f'{scenes}: no problems' in said.out
    assert 'values in the label maps: 0 to 10' in said.out


def test_problems_are_listed_up_to_a_limit(scenes, capsys):
    path = scenes / 'coco' / 'annotations' / 'instances_val.json'
    content = json.loads(path.read_text())
    for annotation in content['annotations'][:3]:
        annotation['category_id'] = 99
    path.write_text(json.dumps(content))
    arguments = ['coco-format', str(scenes / 'coco'), '--limit', '2']
    assert load_tool(TOOL).main([*arguments, '--decode', 'none']) == 1
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if 'problem: ' in line]
    assert len(lines) == 3
    assert f'{path}, annotation 1: category_id 99' in lines[0]
    assert '1 more of this kind' in lines[2]
    assert '3 problems' in said
    # Images were not opened.
    assert 'opened' not in said


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['imagenet', 'gone'], 'gone: no such folder'),
        (['image-folder', '.', '--subset'], '--subset has no effect'),
        (['segmentation', '.', '--reduce-zero-label'], '--num-classes'),
        (['segmentation', '.', '--num-classes', '0'], '1 to 256'),
        (['coco', '.', '--num-classes', '3'], 'segmentation only'),
        (['coco-format', '.', '--images', '.'], 'both'),
        (['scenes', '.'], 'not a record of scenes'),
        (['coco', '.', '--workers', '-1'], 'workers'),
        (['coco', '.', '--limit', '0'], 'limit'),
    ],
)
def test_invalid_arguments_are_one_line(
    tmp_path, monkeypatch, capsys, arguments, words
):
    monkeypatch.chdir(tmp_path)
    assert load_tool(TOOL).main(arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count('\n') == 1
    assert said.out == ''


def test_unsupported_images_are_not_reported_as_damaged(tmp_path, capsys):
    """A new copy of the file would not help."""
    for index in range(2):
        values = np.full((9, 9), index, np.float32)
        Image.fromarray(values).save(tmp_path / f'{index}.tif')
    arguments = ['image-folder', str(tmp_path)]
    assert load_tool(TOOL).main(arguments) == 1
    said = capsys.readouterr().out
    assert said.count('problem: ') == 2 and '32-bit floats' in said
    assert 'download it' not in said
    arguments += ['--value-range', '0', '1']
    assert load_tool(TOOL).main(arguments) == 0
    said = capsys.readouterr().out
    assert 'note: images: 2 images of 32-bit floats' in said
    assert load_tool(TOOL).main([*arguments, '--decode', 'none']) == 2
    assert '--decode none opens no image' in capsys.readouterr().err


def test_damaged_images_are_to_be_replaced(tmp_path, capsys):
    Image.effect_noise((99, 99), 50).save(tmp_path / 'a.png')
    data = (tmp_path / 'a.png').read_bytes()
    (tmp_path / 'b.png').write_bytes(data[:-30])
    assert load_tool(TOOL).main(['image-folder', str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert 'b.png: truncated' in said and 'extract or download it' in said
