# Paper: SimMIM, arXiv 2111.09886, as UM-MAE runs it (random patches of 16
#   pixels, 75 %); for comparison with swin-mini-mixmae_imagenette-128.py and
#   swin-mini-um-mae_imagenette-128.py
# Command: python tools/train.py
#   configs/simmim/swin-mini-simmim_imagenette-128.py
# Cost: see LOG.md
# Expected: unknown before LOG.md has the comparison
# Status: builds
# Deviations: settings ours, minutes long; the backbone of all three
_base_ = [
    '../_base_/models/mim_um-swin-mini.py',
    '../_base_/datasets/imagenette_128_mim.py',
    '../_base_/schedules/adamw_mim_mini.py',
    '../_base_/mim_mini_runtime.py',
]

model = dict(
    data_preprocessor=dict(
        masking=dict(type='RandomMasking', ratio=0.75, cell=16, shared=False)
    ),
    neck=dict(
        type='SimMIMNeck',
        in_channels=256,
        token_channels=32,
        cell=16,
        stride=32,
    ),
    head=dict(type='MaskedReconstructionHead', norm_pixels=False, loss='l1'),
)
