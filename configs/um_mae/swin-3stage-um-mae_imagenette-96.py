# Paper: UM-MAE, arXiv 2205.10063; for comparison with
#   swin-3stage-mixmae_imagenette-96.py and swin-3stage-simmim_imagenette-96.py
# Command: python tools/train.py
#   configs/um_mae/swin-3stage-um-mae_imagenette-96.py
# Cost: about 60 s of one core an epoch in bfloat16, 95 s in float32
# Expected: see docs/evidence.md [reproduced here]
# Status: run by `make evidence`
# Deviations: settings ours; cells of 8 pixels, half of the total stride; the
#   backbone of all three methods; a decoder of 128 dims and two blocks
_base_ = [
    '../_base_/models/mim_swin-3stage.py',
    '../_base_/datasets/imagenette_96_mim.py',
    '../_base_/schedules/adamw_mim_mini.py',
    '../_base_/mim_mini_runtime.py',
]

model = dict(
    data_preprocessor=dict(
        mean=_base_.mean,
        std=_base_.std,
        masking=dict(
            type='UniformMasking', cell=8, secondary_ratio=0.25, multiple=32
        ),
    ),
    backbone=dict(img_size=_base_.img_size, in_channels=_base_.in_channels),
    neck=dict(
        type='UMMAENeck',
        in_channels=192,
        token_channels=48,
        cell=8,
        decoder=dict(embed_dims=128, depth=2, num_heads=4),
    ),
    head=dict(type='MaskedReconstructionHead', norm_pixels=True, loss='mse'),
)
