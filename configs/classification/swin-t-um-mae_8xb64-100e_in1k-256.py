# Paper: UM-MAE, arXiv 2205.10063; implus/UM-MAE Makefile,
#   finetune_mae_swin_tiny_256_mask_vmr025_200e_100e
# Command: tools/dist_train.sh
#   configs/classification/swin-t-um-mae_8xb64-100e_in1k-256.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: 82.04 % ImageNet-1K top-1 after 200 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: bfloat16 autocast instead of float16 with a scaler; the last
#   epoch counts, where the official script prints the best one on the test
#   images
_base_ = [
    '../_base_/models/um-swin-t_classifier.py',
    '../_base_/datasets/imagenet_256_finetune.py',
    '../_base_/schedules/adamw_finetune_100e.py',
    '../_base_/classification_runtime.py',
]

pretrained = 'work_dirs/swin-t_8xb128_200e/epoch_200.pth'
model = dict(
    data_preprocessor=dict(num_classes=_base_.num_classes),
    backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=pretrained)),
    head=dict(num_classes=_base_.num_classes),
)
# 8 ranks x 64 images x 2 micro-iterations = 1,024 images an update.
batch_size = 64
accumulative_counts = 2
train_dataloader = dict(batch_size=batch_size)
val_dataloader = dict(batch_size=batch_size)
test_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(
    accumulative_counts=accumulative_counts,
    paramwise_cfg=dict(layer_decay_rate=0.85),
)
auto_scale_lr = dict(base_batch_size=512)
