# Paper: MixMAE, arXiv 2205.13137, on Twins-SVT-S, arXiv 2104.13840
# Command: tools/dist_train.sh configs/mixmae/twins-svt-s_8xb128_300e.py 8
# Cost: not measured by us
# Expected: unknown: no result of MixMAE on Twins is published where we could
#   read it
# Status: builds; hidden pixels never reach their own prediction (tests); not
#   trained by us
# Deviations: settings ours: those of Swin-B for 300 epochs, since the paper's
#   for other networks are not known
_base_ = [
    '../_base_/models/mixmae_twins-svt-s.py',
    '../_base_/datasets/imagenet_224_mim.py',
    '../_base_/schedules/adamw_mixmae_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    data_preprocessor=dict(mean=_base_.mean, std=_base_.std),
    backbone=dict(in_channels=_base_.in_channels),
)

# 8 ranks x 128 images x 2 micro-iterations = 2,048 images an update.
accumulative_counts = 2
optim_wrapper = dict(accumulative_counts=accumulative_counts)
# MMEngine counts ranks x batch size, not accumulation.
auto_scale_lr = dict(base_batch_size=1024)
