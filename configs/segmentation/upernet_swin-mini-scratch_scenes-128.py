# Paper: UperNet, arXiv 1807.10221; the same network, not pretrained.
# Command: python tools/train.py
#   configs/segmentation/upernet_swin-mini-scratch_scenes-128.py
# Cost: as upernet_swin-mini_scenes-128.py
# Expected: see README.md of this folder [reproduced here]
# Status: run by us, for comparison
# Deviations: settings ours; no layer decay, which preserves pretrained weights
_base_ = './upernet_swin-mini_scenes-128.py'

model = dict(backbone=dict(init_cfg=None))
# What is random must learn at the full rate.
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
