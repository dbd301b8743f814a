import importlib.util
import json

import pytest
import torch

from mixmae.apis import onnx_export
from mixmae.config.failure_report import ConfigError
from mixmae.registry import MODELS
from tests.apis.tiny_setup import tiny_checkpoint
from tests.engine.tiny_run import MODEL, ROOT
from tests.tools.running import call_tool

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')

PATH = ROOT / 'tools/model_converters/mixmae_to_onnx.py'


def backbone():
    torch.manual_seed(0)
    network = MODELS.build({**MODEL['backbone'], 'out_indices': (0, 1)})
    network.init_weights()
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


@pytest.mark.parametrize(
    ('size', 'batch_size'),
    # Whole windows; windows that pad both axes, and any batch.
    [((32, 48), 2), ((29, 42), 0)],
)
def test_graph_equals_the_backbone(tmp_path, size, batch_size):
    network = backbone()
    path = tmp_path / 'a.onnx'
    said = onnx_export.convert(network, size, batch_size, path)
    assert 'largest difference to PyTorch' in said
    assert [file.name for file in tmp_path.iterdir()] == ['a.onnx']
    generator = torch.Generator().manual_seed(5)
    for count in [1, 2, 5] if batch_size == 0 else [batch_size]:
        images = torch.randn(count, 3, *size, generator=generator)
        absolute, relative = onnx_export.largest_difference(
            network, path, images
        )
        assert 0 <= relative < 1e-5 and absolute < 1e-4
    # Control: another network gives another graph.
    with torch.no_grad():
        network.norm1.bias += 0.01
    assert onnx_export.largest_difference(network, path, images)[0] > 5e-3


def test_command_line(monkeypatch, tmp_path, capsys):
    checkpoint = tiny_checkpoint(tmp_path / 'epoch_1.pth')
    out = tmp_path / 'deep' / 'a.onnx'
    call_tool(monkeypatch, PATH, checkpoint, out, '--size', 16, '--stages', 0)
    said = capsys.readouterr().out
    assert '1x3x16x16, stages [0]' in said and 'bound 0.0001' in said
    import onnx

    graph = onnx.load(out)
    assert [node.name for node in graph.graph.input] == ['images']
    assert [node.name for node in graph.graph.output] == ['stage0']
    kept = {
        entry.key: json.loads(entry.value) for entry in graph.metadata_props
    }
    assert kept['mean'] == [120.0, 110.0, 90.0]
    assert kept['channel_order'] == 'RGB' and kept['size'] == [16, 16]


def test_a_graph_that_differs_is_not_written(monkeypatch, tmp_path, capsys):
    checkpoint = tiny_checkpoint(tmp_path / 'epoch_1.pth')
    out = tmp_path / 'out' / 'a.onnx'
    for options, said in (
        (
            ['--size', '8', '--stages', '0', '--bound', '0'],
            'exceeds --bound 0',
        ),
        (['--size', '16', '16', '16'], '--size must be'),
        (['--stages', '9'], 'stages from 0 to 1'),
        (['--config', checkpoint], 'not a readable config'),
    ):
        with pytest.raises(SystemExit) as exit_:
            call_tool(monkeypatch, PATH, checkpoint, out, *options)
        assert exit_.value.code == 2
        assert said in capsys.readouterr().err
    assert not out.parent.exists() or not list(out.parent.iterdir())
    with pytest.raises(SystemExit):
        call_tool(monkeypatch, PATH, checkpoint, tmp_path / 'y.txt')
    assert 'must end in .onnx, got ' in capsys.readouterr().err
    assert not (tmp_path / 'y.txt').exists()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ConfigError, match='pip install onnx onnxscript'):
        onnx_export.export(backbone(), (32, 32), 1)
