"""What a plan knows of the GPUs of a machine; tested without one."""

from types import SimpleNamespace

import pytest
import torch

from mixmae.recipes.machine import Machine

A100 = '81920, 8.0, Disabled, NVIDIA A100-SXM4-80GB\n'
T4 = '15360, 7.5, [N/A], Tesla T4\n'


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """Set what nvidia-smi prints, and GPUs as PyTorch numbers them."""

    def answer(said, *properties, status=0):
        tool = tmp_path / 'nvidia-smi'
        (tmp_path / 'said').write_text(said)
        tool.write_text(
            f'#!/bin/sh\nwhile read -r line; do echo "$line"; done '
            f'<{tmp_path}/said\nexit {status}\n'
        )
        tool.chmod(0o755)
        monkeypatch.setenv('PATH', str(tmp_path))
        number = len(properties) or said.count('\n')
        monkeypatch.setattr(torch.cuda, 'device_count', lambda: number)

        def of_torch(i=0):
            assert properties, 'PyTorch is asked, which may hold memory'
            name, gigabytes, major = properties[i]
            return SimpleNamespace(
                name=name, total_memory=gigabytes * 2**30, major=major
            )

        monkeypatch.setattr(torch.cuda, 'get_device_properties', of_torch)

    return answer


@pytest.mark.parametrize('visible', [None, '3', 'GPU-8932f937', 'MIG-1'])
def test_equal_gpus_need_no_cuda(gpus, monkeypatch, visible):
    gpus(A100 * 8)
    if visible:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    machine = Machine.find()
    assert machine.count == 8
    assert machine.memory == 0.8 * 80 * 2**30
    assert machine.name == 'NVIDIA A100-SXM4-80GB'
    assert machine.dtype('auto') == torch.bfloat16
    assert machine.dtype('float16') == torch.float16
    gpus(T4)
    assert Machine.find().dtype('auto') == torch.float32


def test_different_gpus_are_numbered_by_cuda(gpus):
    """CUDA has the fastest first, the tool the first slot."""
    gpus(
        '4096, 7.5, [N/A], NVIDIA T400\n24564, 8.9, [N/A], RTX 4090\n',
        ('RTX 4090', 24, 8),
        ('NVIDIA T400', 4, 7),
    )
    one = Machine.find(1)
    assert (one.name, one.memory) == ('RTX 4090', 0.8 * 24 * 2**30)
    assert one.dtype('auto') == torch.bfloat16
    # The batch must fit into each.
    both = Machine.find()
    assert (both.name, both.memory) == ('NVIDIA T400', 0.8 * 4 * 2**30)
    assert both.dtype('auto') == torch.float32


@pytest.mark.parametrize(
    ('said', 'status'),
    [
        ('81920, 8.0, Enabled, NVIDIA A100-SXM4-80GB\n', 0),
        ('[N/A], 12.1, [N/A], NVIDIA GB10\n', 0),
        ('Field "compute_cap" is not a valid field to query.\n', 2),
        ('', 9),
    ],
)
def test_pytorch_tells_what_the_tool_does_not(gpus, said, status):
    gpus(said, ('a part', 10, 8), status=status)
    machine = Machine.find()
    assert (machine.name, machine.memory) == ('a part', 0.8 * 10 * 2**30)
    assert machine.dtype('auto') == torch.bfloat16
