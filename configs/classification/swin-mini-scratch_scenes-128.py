# Paper: MixMAE, arXiv 2205.13137; the same network, not pretrained.
# Command: python tools/train.py
#   configs/classification/swin-mini-scratch_scenes-128.py
# Cost: as swin-mini-finetune_scenes-128.py
# Expected: see configs/classification/README.md [reproduced here]
# Status: run by us for comparison, three seeds
# Deviations: settings ours, equal to those of the pretrained run but for the
#   layer decay, which would hold back layers that know nothing yet
_base_ = './swin-mini-finetune_scenes-128.py'

model = dict(backbone=dict(init_cfg=None))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
