# Paper: MixMAE, arXiv 2205.13137; a linear layer on the frozen mini network.
# Command: python tools/train.py
#   configs/classification/swin-mini-linear_scenes-128.py
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: about a minute on a busy CPU core
# Expected: see configs/classification/README.md [reproduced here]
# Status: run by us
# Deviations: settings ours: AdamW at 1e-2 without decay, features
#   standardised by a batch norm without weights, no smoothing
_base_ = './swin-mini-finetune_scenes-128.py'

# All four stages keep their weights; only the linear layer learns.
model = dict(
    backbone=dict(frozen_stages=4),
    neck=[
        dict(type='GlobalAveragePooling'),
        dict(type='ClsBatchNormNeck', input_features=256),
    ],
    head=dict(
        loss=dict(_delete_=True, type='CrossEntropyLoss'),
        init_cfg=dict(std=0.01),
    ),
)
optim_wrapper = dict(
    _delete_=True,
    type='mixmae.AutocastOptimWrapper',
    dtype='auto',
    optimizer=dict(type='AdamW', lr=1e-2, weight_decay=0.0),
)
