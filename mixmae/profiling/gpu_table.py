"""Peak FLOP/s and memory of GPUs, from data sheets."""

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
        bfloat16: Whether bfloat16 is supported.
        source: Data sheet.
    """

    half: float
    single: float
    memory: float
    bfloat16: bool
    source: str


GPUS = {
    'a100-40': GPU(312e12, 19.5e12, 40e9, True, 'NVIDIA A100 (SXM, 40 GB)'),
    'a100-80': GPU(312e12, 19.5e12, 80e9, True, 'NVIDIA A100 (SXM, 80 GB)'),
    'h100': GPU(989e12, 67e12, 80e9, True, 'NVIDIA H100 (SXM)'),
    'h200': GPU(989e12, 67e12, 141e9, True, 'NVIDIA H200 (SXM)'),
    'l40s': GPU(362e12, 91.6e12, 48e9, True, 'NVIDIA L40S'),
    'rtx4090': GPU(165.2e12, 82.6e12, 24e9, True, 'NVIDIA Ada white paper'),
    'v100': GPU(125e12, 15.7e12, 32e9, False, 'NVIDIA V100 (SXM2, 32 GB)'),
}
