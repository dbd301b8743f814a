# Paper: MixMAE, arXiv 2205.13137; Sense-X/MixMIM exp/base_600ep/finetune.sh
# Command: tools/dist_train.sh
#   configs/classification/swin-b_8xb128-100e_in1k-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us; 16.3 GMACs forward per image, by arithmetic
# Expected: 85.1 % ImageNet-1K top-1 after 600 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: bfloat16 autocast instead of float16 with a scaler; head and
#   final norm learn with the full rate, not 0.7 of it; the last epoch counts,
#   where the official script prints the best one on the test images
_base_ = [
    '../_base_/models/mim-swin-b_classifier.py',
    '../_base_/datasets/imagenet_224_finetune.py',
    '../_base_/schedules/adamw_finetune_100e.py',
    '../_base_/classification_runtime.py',
]

pretrained = 'work_dirs/swin-b_8xb128_600e/epoch_600.pth'
model = dict(
    data_preprocessor=dict(num_classes=_base_.num_classes),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=pretrained)),
    head=dict(num_classes=_base_.num_classes),
)
# 8 ranks x 128 images = 1,024 images an update: nothing to accumulate.
auto_scale_lr = dict(base_batch_size=1024)
