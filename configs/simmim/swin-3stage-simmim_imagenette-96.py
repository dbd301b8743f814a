# Paper: SimMIM, arXiv 2111.09886; for comparison with
#   swin-3stage-mixmae_imagenette-96.py and swin-3stage-um-mae_imagenette-96.py
# Command: python tools/train.py
#   configs/simmim/swin-3stage-simmim_imagenette-96.py
# Cost: about 65 s of one core an epoch in bfloat16, 135 s in float32
# Expected: see docs/evidence.md [reproduced here]
# Status: run by `make evidence`
# Deviations: settings ours; cells of 16 pixels, the total stride; the backbone
#   of all three methods; twice their learning rate, see docs/evidence.md
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
            type='RandomMasking',
            ratio=0.6,
            rounding='ceil',
            cell=16,
            shared=False,
        ),
    ),
    backbone=dict(img_size=_base_.img_size, in_channels=_base_.in_channels),
    neck=dict(
        type='SimMIMNeck',
        in_channels=192,
        token_channels=48,
        cell=16,
        stride=16,
    ),
    head=dict(type='MaskedReconstructionHead', norm_pixels=False, loss='l1'),
)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
