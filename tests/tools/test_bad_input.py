"""Tools answer any input with a result or one clear line.

``MIXMAE_FUZZ_EXAMPLES=500 pytest tests/tools/test_bad_input.py`` tries more
than a test suite can.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, Runner, TestLoop

from mixmae.checkpoints.io.checkpoint_loader import load_only_safely
from mixmae.datasets.scenes.scene_set import SceneSet
from tests.engine.tiny_run import tiny_config
from tests.preflight.labelled_sets import picture
from tests.tools.workshop import TOOLS, Workshop

EXAMPLES = int(os.environ.get('MIXMAE_FUZZ_EXAMPLES', '12'))
fuzz = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
JUNK = (
    *('', ' ', 'None', 'True', '-1', '0', '3', '2.5', 'nan', '[]', '[1', '{}'),
    *(
        '()',
        '(1,2)',
        'abc',
        "dict(type='X')",
        'type',
        'a.b',
        'größe',
        '"',
        '=',
    ),
    *('[None]', '[[]]', "{'type':3}", '--', '-', '.', '/', '%s', '{', '\\'),
)
junk = st.sampled_from(JUNK) | st.text(max_size=6).filter(
    lambda text: '\0' not in text and not text.isdecimal()
)
# Of what a checkpoint or a JSON file may hold.
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.text(max_size=3)
    | st.floats(width=16),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


@pytest.fixture(scope='module')
def shop(tmp_path_factory) -> Iterator[Workshop]:
    """Create a workshop; training and testing stop before iterations."""
    folder = tmp_path_factory.mktemp('fuzz')
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setattr(EpochBasedTrainLoop, 'run', lambda loop: loop.runner.model)
    patch.setattr(TestLoop, 'run', lambda loop: {})
    # Slow, and of no interest here.
    patch.setattr(Runner, '_log_env', lambda *_: None)
    patch.setattr(Config, 'pretty_text', property(lambda cfg: ''))
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'):
        patch.setenv(name, '0')
    patch.setenv('WORLD_SIZE', '1')
    patch.delenv('RANK')
    load_only_safely()
    yield Workshop(folder)
    patch.undo()
    torch.use_deterministic_algorithms(False)


def keys_below(key: str, part: Any) -> Iterator[str]:
    """Return the dotted names of all settings."""
    items: Any = ()
    if isinstance(part, dict):
        items = part.items()
    elif isinstance(part, (list, tuple)):
        items = enumerate(part)
    for name, value in items:
        yield f'{key}{name}'
        yield from keys_below(f'{key}{name}.', value)


KEYS = sorted(keys_below('', tiny_config(Path('run'))))


@fuzz
@given(
    st.lists(st.tuples(st.sampled_from(KEYS), junk), min_size=1, max_size=2),
    st.sampled_from(['', '.x', '.0', '.']),
)
def test_settings(shop, pairs, more):
    options = [f'{key}{more}={value}' for key, value in pairs]
    shop.call('train', shop.path, '--cfg-options', *options)


@fuzz
@given(st.data())
def test_config_files(shop, data):
    text = shop.path.read_text()
    first = data.draw(st.integers(0, len(text)))
    last = first + data.draw(st.sampled_from([0, 1, 3, 40, len(text)]))
    path = shop.new('.py')
    path.write_text(text[:first] + data.draw(junk) + text[last:])
    shop.call('train', path)
    path = shop.new('.json')
    path.write_text(json.dumps(data.draw(values)))
    shop.call('test', path, shop.checkpoint)


FLAGS = (
    *('--work-dir', '--cfg-options', '--launcher', '--resume', '--amp'),
    *('--seed', '--auto-scale-lr', '--out', '--show-dir', '--config'),
    *('--stages', '--maps', '--resize', '--batch-size', '--device', '--size'),
    *('--from-task', '--img-size', '--window-sizes', '--backbone-only'),
    *('--from=timm', '--from=official', '--to=mmdet', '--to=safetensors'),
    *('--bands', '--plot', '--tolerance', '--about', '--decode', '--limit'),
    *('--short-side', '--shard-size', '--exclude', '--checksums-only'),
)
NAMES = [
    'train',
    'test',
    'extract_features',
    'reconstruct',
    'analysis_tools/compare_curve',
    'dataset_converters/check_dataset',
    'dataset_converters/make_lists',
    'dataset_converters/pack',
    'dataset_converters/unpack_jpegs',
    'dataset_converters/verify_images',
    'convert',
    'model_converters/mixmae_to_onnx',
]


@fuzz
@given(st.sampled_from(NAMES), st.data())
def test_arguments(shop, name, data):
    words = st.sampled_from([
        shop.path, shop.checkpoint, shop.folder, 'nowhere.pth',
        shop.folder / 'tiny.py' / 'below', *FLAGS,
    ])  # fmt: skip
    shop.call(name, *data.draw(st.lists(words | junk, max_size=5)))


# Values of options and positional arguments, by their type; text may be the
# path of an input or an output.
WRONG: dict[Any, tuple[str, ...]] = {
    int: ('0', '-1', '-7', '1', '2', str(2**31), str(2**62), str(10**30)),
    float: ('0', '-1', '1e-9', '2', 'nan', 'inf', '-inf', '1e309'),
}
MORE = ('', ' ', '1.5', 'x', '-', '{}')
PATHS = (
    *('nowhere', 'nowhere/below', '/proc/none/x', '.', '~', 'a\nb', 'größe'),
    *('{photos}', '{photos}/a.jpg', '{config}', '{config}/x', '{checkpoint}'),
)
PLACES = dict(
    config='{config}', checkpoint='{checkpoint}', src='{checkpoint}',
    images='{photos}', root='{photos}', folder='{photos}', source='{photos}',
    archive='{photos}/a.jpg', run='{work}', runs='{work}', out='{out}',
    dst='{out}', kind='',
)  # fmt: skip
# These train for minutes, or only call another tool.
EXCLUDED = ('demo', 'evidence')
ALL_TOOLS = sorted(
    str(path.relative_to(TOOLS).with_suffix(''))
    for path in TOOLS.rglob('*.py')
    if path.stem not in EXCLUDED
    and 'run_replaced_script' not in path.read_text()
)


class _Captured(BaseException):
    pass


def parser_of(shop: Workshop, name: str) -> argparse.ArgumentParser:
    """Return the parser that a tool builds."""

    def capture(parser: argparse.ArgumentParser, *_: Any) -> None:
        raise _Captured(parser)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', capture)
        with pytest.raises(_Captured) as caught:
            shop.call(name)
    return caught.value.args[0]


def drawn_words(data: st.DataObject, action: argparse.Action) -> list[str]:
    """Draw values of an option, with as many words as it takes."""
    kinds = WRONG.get(action.type, PATHS) + MORE
    kinds += tuple(map(str, action.choices or ()))
    count = action.nargs if isinstance(action.nargs, int) else 1
    if action.nargs in ('+', '*'):
        count = data.draw(st.integers(1, 3))
    return [data.draw(st.sampled_from(kinds)) for _ in range(count)]


@pytest.mark.parametrize('name', ALL_TOOLS)
def test_arguments_of_every_tool(shop, monkeypatch, name):
    # Thousands of scenes take minutes.
    monkeypatch.setattr(SceneSet, '_render', lambda *_: '')
    parser = parser_of(shop, name)
    options = [a for a in parser._actions if a.option_strings and a.nargs != 0]
    given_by = [a for a in parser._actions if not a.option_strings]
    photos = shop.folder / 'photos'
    images = [photos / 'a.jpg', photos / 'b.jpg']
    for path in images:
        picture(path)
    inputs = [shop.path, shop.checkpoint, *images]
    before = [path.read_bytes() for path in inputs]

    @settings(fuzz, max_examples=max(3, EXAMPLES // 3))
    @given(st.data())
    def check(data):
        words = []
        wrong = data.draw(st.sampled_from([None, *given_by]))
        for action in given_by:
            good = PLACES.get(action.dest) or (action.choices or [''])[0]
            words += drawn_words(data, action) if action is wrong else [good]
        chosen = [a for a in options if a.required]
        if options:
            some = st.lists(st.sampled_from(options), max_size=2, unique=True)
            chosen += data.draw(some)
        for action in chosen:
            words.append(action.option_strings[0])
            words += drawn_words(data, action)
        names = dict(
            config=shop.path, checkpoint=shop.checkpoint, photos=photos,
            work=shop.folder / 'run', out=shop.new('.out'),
        )  # fmt: skip
        for key, path in names.items():
            words = [word.replace(f'{{{key}}}', str(path)) for word in words]
        shop.call(name, *words)
        assert [path.read_bytes() for path in inputs] == before, words

    check()


READERS = (
    ('train', '{config}', '--resume', '{checkpoint}'),
    ('train', '{config}', '--cfg-options', 'load_from={checkpoint}'),
    ('test', '{config}', '{checkpoint}'),
    ('convert', '--to=safetensors', '{checkpoint}', '{out}'),
    ('convert', '--from=official', '{checkpoint}', '{out}'),
    ('extract_features', '{checkpoint}', '{folder}', '--out', '{out}'),
)


def read(shop: Workshop, reader: tuple[str, ...], checkpoint: Path) -> int:
    out = shop.new('.safetensors')
    names = dict(
        config=shop.path, checkpoint=checkpoint, folder=shop.folder, out=out
    )
    status = shop.call(*(word.format(**names) for word in reader))
    assert status == 0 or not out.exists()
    return status


@fuzz
@given(st.sampled_from(READERS), st.data())
def test_damaged_checkpoints(shop, reader, data):
    content = bytearray(shop.checkpoint.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        # Most of what matters lies at both ends.
        place = data.draw(st.integers(-800, 800) | st.integers(0, 10**9))
        content[place % len(content)] ^= 1 << data.draw(st.integers(0, 7))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = shop.new('.pth')
    path.write_bytes(content)
    read(shop, reader, path)
    path.unlink()


PARTS = (
    *('state_dict', 'meta', 'optimizer', 'message_hub', 'param_schedulers'),
    *('meta.cfg', 'meta.epoch', 'meta.iter', 'meta.seed', 'meta.model'),
    *('meta.dataset_meta', 'state_dict.backbone.norm1.weight', 'model'),
    *('optimizer.state', 'optimizer.param_groups', 'meta.experiment_name'),
)


@fuzz
@given(
    st.sampled_from(READERS),
    st.lists(st.tuples(st.sampled_from(PARTS), values), max_size=3),
    values | st.just({}),
)
@example(READERS[0], [], [])
@example(READERS[2], [('state_dict', {})], {})
def test_checkpoints_of_other_things(shop, reader, changes, whole):
    good = torch.load(shop.checkpoint, weights_only=True)
    content = good if whole == {} else whole
    if isinstance(content, dict):
        content = copy.deepcopy(content)
        content.setdefault('message_hub', {})
        for name, value in changes:
            head, _, tail = name.partition('.')
            if tail and isinstance(content.get(head), dict):
                content[head][tail] = value
            else:
                content[head] = value
    path = shop.new('.pth')
    torch.save(content, path)
    read(shop, reader, path)
    path.unlink()


COCO = dict(
    images=[dict(id=1, file_name='a.jpg', height=8, width=8)],
    annotations=[
        dict(
            id=1,
            image_id=1,
            category_id=1,
            bbox=[0, 0, 4, 4],
            area=16,
            iscrowd=0,
            segmentation=[[0, 0, 4, 0, 4, 4]],
        )
    ],
    categories=[dict(id=1, name='person')],
)


@fuzz
@given(st.sampled_from(sorted(keys_below('', COCO))), values, st.booleans())
def test_annotations(shop, key, value, cut):
    content = copy.deepcopy(COCO)
    *above, last = key.split('.')
    part: Any = content
    for name in above:
        part = part[int(name) if isinstance(part, list) else name]
    part[int(last) if isinstance(part, list) else last] = value
    text = json.dumps(content)
    root = shop.new('')
    for split in ('train', 'val'):
        (root / f'{split}2017').mkdir(parents=True)
        path = root / 'annotations' / f'instances_{split}2017.json'
        path.parent.mkdir(exist_ok=True)
        path.write_text(text[: len(text) // 2] if cut else text)
    arguments = ('coco', root, '--subset', '--workers', 1)
    shop.call('dataset_converters/check_dataset', *arguments)


@fuzz
@given(values, values)
def test_curves(shop, row, reference):
    run, path = shop.new('.json'), shop.new('.json')
    good = dict(iter=1, epoch=1, step=1, loss=1.0)
    rows = [good, {**good, **(row if isinstance(row, dict) else {})}, row]
    run.write_text('\n'.join(map(json.dumps, rows)))
    path.write_text(json.dumps(reference))
    name = 'analysis_tools/compare_curve'
    shop.call(name, run, path)
    saved = shop.new('.json')
    if shop.call(name, run, '--save-reference', saved) == 0:
        shop.call(name, run, saved)
