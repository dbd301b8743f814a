# Paper: Mask R-CNN, arXiv 1703.06870; the same network, not pretrained.
# Command: python tools/train.py
#   configs/detection/mask-rcnn_swin-mini-scratch_scenes-128.py
# Cost: as mask-rcnn_swin-mini_scenes-128.py
# Expected: see README.md of this folder [reproduced here]
# Status: run by us, for comparison
# Deviations: settings ours, equal to those of the pretrained run
_base_ = './mask-rcnn_swin-mini_scenes-128.py'

model = dict(backbone=dict(init_cfg=None))
