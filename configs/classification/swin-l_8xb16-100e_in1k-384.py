# Paper: MixMAE, arXiv 2205.13137; network of Sense-X/MixMIM
#   models_mixmim_ft.py
# Command: tools/dist_train.sh
#   configs/classification/swin-l_8xb16-100e_in1k-384.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us; 112 GMACs forward per image, by arithmetic
# Expected: 86.9 % ImageNet-1K top-1 after 600 epochs of pretraining at 224
#   [official number]
# Status: builds; not trained by us
# Deviations: settings ours: those of Swin-L and of 384 are not published;
#   layer decay 0.7 and drop path 0.2 are what SimMIM and UM-MAE give their
#   Swin-L, all else is Swin-B's at 224; 8 GPUs accumulate 8 micro-iterations
_base_ = './swin-b_8xb32-100e_in1k-384.py'

pretrained = 'work_dirs/swin-l_8xb128_600e/epoch_600.pth'
model = dict(
    backbone=dict(
        arch='large',
        drop_path_rate=0.2,
        init_cfg=dict(checkpoint=pretrained),
    ),
    head=dict(in_channels=1536),
)
# 8 ranks x 16 images x 8 micro-iterations = 1,024 images an update.
batch_size = 16
accumulative_counts = 8
train_dataloader = dict(batch_size=batch_size)
val_dataloader = dict(batch_size=batch_size)
test_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(accumulative_counts=accumulative_counts)
auto_scale_lr = dict(base_batch_size=128)
