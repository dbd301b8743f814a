"""Arbitrary arguments of all tools."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixmae.datasets.scenes.scene_set import SceneSet
from tests.preflight.labelled_sets import picture
from tests.tools.bad_input.fuzzing import (
    EXAMPLES,
    fuzz,
    junk,
)
from tests.tools.workshop import TOOLS, Workshop

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
