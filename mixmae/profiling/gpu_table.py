"""Peak FLOP/s, memory and bandwidth of GPUs, from data sheets."""

from __future__ import annotations

from typing import NamedTuple

# Share of the data sheet's FLOP/s that a training is assumed to reach.
ASSUMED_MFU = 0.4
# Bytes of a process before the model is built: CUDA context, kernels, cuBLAS
# workspace.
CONTEXT = 1.0e9


class GPU(NamedTuple):
    """Data sheet values: official numbers, not measured.

    Attributes:
        half: Dense FLOP/s in bfloat16, or in float16 without bfloat16 support.
            A multiply-add is two operations.
        single: FLOP/s in float32 without TF32, which PyTorch disables by
            default.
        memory: bytes.
        bandwidth: Memory bandwidth in bytes per second.
        bfloat16: Whether bfloat16 is supported.
        source: Data sheet.
    """

    half: float
    single: float
    memory: float
    bandwidth: float
    bfloat16: bool
    source: str


GPUS = {
    'a100-40': GPU(
        312e12, 19.5e12, 40e9, 1.555e12, True, 'NVIDIA A100 (SXM, 40 GB)'
    ),
    'a100-80': GPU(
        312e12, 19.5e12, 80e9, 2.039e12, True, 'NVIDIA A100 (SXM, 80 GB)'
    ),
    'h100': GPU(989e12, 67e12, 80e9, 3.35e12, True, 'NVIDIA H100 (SXM)'),
    'h200': GPU(989e12, 67e12, 141e9, 4.8e12, True, 'NVIDIA H200 (SXM)'),
    'l40s': GPU(362e12, 91.6e12, 48e9, 0.864e12, True, 'NVIDIA L40S'),
    'rtx4090': GPU(
        165.2e12, 82.6e12, 24e9, 1.008e12, True, 'NVIDIA Ada white paper'
    ),
    'v100': GPU(
        125e12, 15.7e12, 32e9, 0.9e12, False, 'NVIDIA V100 (SXM2, 32 GB)'
    ),
}
