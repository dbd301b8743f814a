# Paper: MixMAE, arXiv 2205.13137, on PVT-S, arXiv 2102.12122
# Command: tools/dist_train.sh
#   configs/classification/pvt-s_8xb128-100e_in1k-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown: no result of MixMAE on PVT is published where we could
#   read it
# Status: builds; not trained by us
# Deviations: settings ours: those of Swin-B, with the layer decay of 0.85
#   that UM-MAE gives its PVT-S
_base_ = [
    '../_base_/models/mim-swin-b_classifier.py',
    '../_base_/datasets/imagenet_224_finetune.py',
    '../_base_/schedules/adamw_finetune_100e.py',
    '../_base_/classification_runtime.py',
]

pretrained = 'work_dirs/pvt-s_8xb128_300e/epoch_300.pth'
model = dict(
    data_preprocessor=dict(num_classes=_base_.num_classes),
    backbone=dict(
        _delete_=True,
        type='mixmae.MIMPVT',
        arch='small',
        img_size=224,
        patch_size=4,
        sr_ratios=(8, 4, 2, 1),
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    head=dict(num_classes=_base_.num_classes, in_channels=512),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.85))
# 8 ranks x 128 images = 1,024 images an update: nothing to accumulate.
auto_scale_lr = dict(base_batch_size=1024)
