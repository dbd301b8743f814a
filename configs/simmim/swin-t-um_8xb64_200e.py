# Paper: SimMIM, arXiv 2111.09886, as UM-MAE, arXiv 2205.10063, runs it for
#   comparison; implus/UM-MAE Makefile, pretrain_simmim_swin_tiny_256_200e
# Command: tools/dist_train.sh configs/simmim/swin-t-um_8xb64_200e.py 8
# Cost: not measured by us; officially 49.3 hours on 8 GPUs
# Expected: 82.20 % ImageNet-1K top-1, fine-tuned at 256 [official number]
# Status: builds; not trained by us
# Deviations: bfloat16 autocast instead of float16 with a scaler
_base_ = [
    '../_base_/models/simmim_um-swin-t.py',
    '../_base_/datasets/imagenet_256_mim.py',
    '../_base_/schedules/adamw_um-mae_200e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(mean=_base_.mean, std=_base_.std),
    backbone=dict(img_size=_base_.img_size, in_channels=_base_.in_channels),
)
# 8 ranks x 64 images x 8 micro-iterations = 4,096 images an update.
batch_size = 64
accumulative_counts = 8
train_dataloader = dict(batch_size=batch_size)
val_dataloader = dict(batch_size=batch_size)
test_dataloader = dict(batch_size=batch_size)
optim_wrapper = dict(accumulative_counts=accumulative_counts)
# MMEngine counts ranks x batch size, not accumulation.
auto_scale_lr = dict(base_batch_size=512)
