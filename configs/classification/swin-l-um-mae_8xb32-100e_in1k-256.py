# Paper: UM-MAE, arXiv 2205.10063; implus/UM-MAE Makefile,
#   finetune_mae_swin_large_256_mask_vmr025_200e_100e
# Command: tools/dist_train.sh
#   configs/classification/swin-l-um-mae_8xb32-100e_in1k-256.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: 85.2 % ImageNet-1K top-1 after 800 epochs of pretraining
#   [official number]
# Status: builds; not trained by us
# Deviations: as swin-t-um-mae_8xb64-100e_in1k-256.py
_base_ = './swin-t-um-mae_8xb64-100e_in1k-256.py'

pretrained = 'work_dirs/swin-l_8xb64_800e/epoch_800.pth'
model = dict(
    backbone=dict(
        arch='large',
        bias_dims=64,
        drop_path_rate=0.2,
        init_cfg=dict(checkpoint=pretrained),
    ),
    neck=dict(in_channels=1536),
    head=dict(in_channels=1536),
)
# 8 ranks x 32 images x 4 micro-iterations = 1,024 images an update.
batch_size = 32
accumulative_counts = 4
train_dataloader = dict(batch_size=batch_size)
val_dataloader = dict(batch_size=batch_size)
test_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(
    accumulative_counts=accumulative_counts,
    paramwise_cfg=dict(layer_decay_rate=0.7),
)
auto_scale_lr = dict(base_batch_size=256)
