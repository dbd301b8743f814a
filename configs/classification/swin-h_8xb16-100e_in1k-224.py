# Paper: MixMAE, arXiv 2205.13137; network of Sense-X/MixMIM
#   models_mixmim_ft.py
# Command: tools/dist_train.sh
#   configs/classification/swin-h_8xb16-100e_in1k-224.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us; 118 GMACs forward per image, by arithmetic
# Expected: unknown: no result of Swin-H is published
# Status: builds; not trained by us
# Deviations: settings ours: those of Swin-H are not published; drop path 0.3
#   is what MAE gives its ViT-H, layer decay 0.7 what SimMIM and UM-MAE give
#   Swin-L, all else is Swin-B's; 8 GPUs accumulate 8 micro-iterations, blocks
#   are recomputed to save memory
_base_ = './swin-b_8xb128-100e_in1k-224.py'

pretrained = 'work_dirs/swin-h_8xb32_600e/epoch_600.pth'
model = dict(
    backbone=dict(
        arch='huge',
        drop_path_rate=0.3,
        with_cp=True,
        init_cfg=dict(checkpoint=pretrained),
    ),
    head=dict(in_channels=2816),
)
# 8 ranks x 16 images x 8 micro-iterations = 1,024 images an update.
batch_size = 16
accumulative_counts = 8
train_dataloader = dict(batch_size=batch_size)
val_dataloader = dict(batch_size=batch_size)
test_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(accumulative_counts=accumulative_counts)
auto_scale_lr = dict(base_batch_size=128)
