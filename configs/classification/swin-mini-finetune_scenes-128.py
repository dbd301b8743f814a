# Paper: MixMAE, arXiv 2205.13137; a network and pictures small enough for two
#   CPU cores, on 160 labelled scenes of 4,096.
# Command: python tools/train.py
#   configs/classification/swin-mini-finetune_scenes-128.py
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: see configs/classification/README.md
# Expected: see configs/classification/README.md [reproduced here]
# Status: run by us, three seeds
# Deviations: settings ours, a few minutes long
_base_ = [
    '../_base_/models/mim-swin-mini_classifier.py',
    '../_base_/datasets/scenes_128_finetune.py',
    '../_base_/schedules/adamw_finetune_mini.py',
    '../_base_/classification_runtime.py',
]

# What configs/mixmae/swin-mini_scenes-128.py writes.
pretrained = 'work_dirs/swin-mini_scenes-128/epoch_20.pth'
model = dict(
    data_preprocessor=dict(num_classes=_base_.num_classes),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=pretrained)),
    head=dict(num_classes=_base_.num_classes),
)
default_hooks = dict(
    logger=dict(interval=5),
    checkpoint=dict(interval=_base_.max_epochs, max_keep_ckpts=2),
)
auto_scale_lr = dict(base_batch_size=32)
