# Paper: SimMIM, arXiv 2111.09886, as UM-MAE, arXiv 2205.10063, runs it for
#   comparison; implus/UM-MAE Makefile, pretrain_simmim_pvt_small_256_200e
# Command: tools/dist_train.sh configs/simmim/pvt-s-um_8xb128_200e.py 8
# Cost: not measured by us; officially 38.0 hours on 8 GPUs
# Expected: 79.28 % ImageNet-1K top-1, fine-tuned at 256 [official number]
# Status: builds; not trained by us
# Deviations: bfloat16 autocast instead of float16 with a scaler
_base_ = [
    '../_base_/models/simmim_um-swin-t.py',
    '../_base_/datasets/imagenet_256_mim.py',
    '../_base_/schedules/adamw_um-mae_200e.py',
    '../_base_/default_runtime.py',
]

# UM-MAE's PVT-S: keys are pooled, no norm after patches.
model = dict(
    data_preprocessor=dict(mean=_base_.mean, std=_base_.std),
    backbone=dict(
        _delete_=True,
        type='MIMPVT',
        arch='small',
        img_size=_base_.img_size,
        in_channels=_base_.in_channels,
        patch_size=4,
        sr_ratios=(8, 4, 2, 1),
        reduction='pool',
        patch_norm=False,
        block_norm_eps=1e-5,
    ),
    neck=dict(in_channels=512, token_channels=64),
)
# 8 ranks x 128 images x 4 micro-iterations = 4,096 images an update.
accumulative_counts = 4
optim_wrapper = dict(accumulative_counts=accumulative_counts)
# MMEngine counts ranks x batch size, not accumulation.
auto_scale_lr = dict(base_batch_size=1024)
