# Paper: MixMAE, arXiv 2205.13137, on PVT-S, arXiv 2102.12122
# Command: tools/dist_train.sh configs/mixmae/pvt-s_8xb128_300e.py 8
# Cost: not measured by us
# Expected: unknown: no result of MixMAE on PVT is published where we could
#   read it
# Status: builds; hidden pixels never reach their own prediction (tests); not
#   trained by us
# Deviations: settings ours: those of Swin-B for 300 epochs, since the paper's
#   for other networks are not known; frozen sine-cosine positions at the
#   first stage, where PVT learns its own in each
_base_ = [
    '../_base_/models/mixmae_pvt-s.py',
    '../_base_/datasets/imagenet_224_mim.py',
    '../_base_/schedules/adamw_mixmae_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(mean=_base_.mean, std=_base_.std),
    backbone=dict(img_size=_base_.img_size, in_channels=_base_.in_channels),
)
# 8 ranks x 128 images x 2 micro-iterations = 2,048 images an update.
accumulative_counts = 2
optim_wrapper = dict(accumulative_counts=accumulative_counts)
# MMEngine counts ranks x batch size, not accumulation.
auto_scale_lr = dict(base_batch_size=1024)
