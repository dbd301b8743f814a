# Paper: MixMAE, arXiv 2205.13137; for comparison with
#   swin-3stage-um-mae_imagenette-96.py and swin-3stage-simmim_imagenette-96.py
# Command: python tools/train.py
#   configs/mixmae/swin-3stage-mixmae_imagenette-96.py
# Cost: about 80 s of one core an epoch in bfloat16, 150 s in float32
# Expected: see docs/evidence.md [reproduced here]
# Status: run by `make evidence`
# Deviations: settings ours; 36 cells of 16 pixels, three stages, a decoder of
#   128 dims and two blocks; the backbone of all three methods
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
        masking=dict(type='RandomMasking', ratio=0.5, cell=16, shared=True),
    ),
    backbone=dict(img_size=_base_.img_size, in_channels=_base_.in_channels),
    neck=dict(
        type='MixMAENeck',
        in_channels=192,
        cell=16,
        decoder=dict(embed_dims=128, depth=2, num_heads=4),
    ),
    head=dict(type='DualReconstructionHead', norm_pixels=True),
)
