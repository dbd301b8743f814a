# Paper: SimMIM, arXiv 2111.09886; microsoft/SimMIM
#   simmim_pretrain__swin_base__img192_window6__800ep.yaml
# Command: NNODES=2 NODE_RANK=... MASTER_ADDR=... tools/dist_train.sh
#   configs/simmim/swin-b_16xb128_800e.py 8
# Cost: not measured by us
# Expected: 84.0 % ImageNet-1K top-1, fine-tuned at 224 [official number]
# Status: builds; not trained by us
# Deviations: bfloat16 autocast instead of apex
_base_ = [
    '../_base_/models/simmim_swin-b.py',
    '../_base_/datasets/imagenet_192_mim.py',
    '../_base_/schedules/adamw_simmim_800e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(mean=_base_.mean, std=_base_.std),
    backbone=dict(img_size=_base_.img_size, in_channels=_base_.in_channels),
)
# 16 ranks x 128 images = 2,048 images an update: nothing to accumulate.
auto_scale_lr = dict(base_batch_size=2048)
