# Paper: MixMAE, arXiv 2205.13137; Sense-X/MixMIM exp/base_600ep/pretrain.sh
# Command: tools/dist_train.sh \
#     configs/mixmae/swin-b_8xb128_600e_packed-320.py 8
#   after mixmae pack data/imagenet/train
#     data/imagenet-packed/train --short-side 320, and the same with val
# Cost: not measured by us; 19.0 GMACs forward per image, by arithmetic
# Expected: unknown: what smaller images cost has not been measured
# Status: builds; loss and gradients equal the official code (golden figures);
#   not trained by us
# Deviations: those of swin-b_8xb128_600e; crops come from images of 320 px on
#   the short side, JPEG quality 92: 37 dB from the crops of the originals
_base_ = [
    '../_base_/models/mixmae_swin-b.py',
    '../_base_/datasets/packed_224_mim.py',
    '../_base_/schedules/adamw_mixmae_600e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(mean=_base_.mean, std=_base_.std),
    backbone=dict(img_size=_base_.img_size, in_channels=_base_.in_channels),
)
# As in swin-b_8xb128_600e.
accumulative_counts = 2
optim_wrapper = dict(accumulative_counts=accumulative_counts)
auto_scale_lr = dict(base_batch_size=1024)
