#!/usr/bin/env bash
# Train under Slurm.
#
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [PORT=29500] [SRUN_ARGS=...] \
#       tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]
if [ $# -lt 4 ]; then
    echo "usage: [GPUS=] [GPUS_PER_NODE=] [CPUS_PER_TASK=] [PORT=] [SRUN_ARGS=] $0 PARTITION JOB_NAME CONFIG WORK_DIR [ARGS...]" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
WORK_DIR=$4
shift 4
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GPUS=${GPUS:-8}
source "$TOOLS/launch.sh"
# Tasks that were interrupted end with 75 within seconds of each other; who is
# ended meanwhile would end with more, and the highest status is srun's. A
# minute after one has ended, well or not, all the others are: ranks end only
# when the last checkpoint is on the disk.
slurm "--kill-on-bad-exit=0 --wait=60" "$TOOLS/train.py" "$CONFIG" \
    --work-dir "$WORK_DIR" --launcher slurm "$@"
