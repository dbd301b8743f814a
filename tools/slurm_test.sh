#!/usr/bin/env bash
# Evaluate a checkpoint under Slurm.
#
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [PORT=29500] [SRUN_ARGS=...] \
#       tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [arguments of tools/test.py]
if [ $# -lt 4 ]; then
    echo "usage: [GPUS=] [GPUS_PER_NODE=] [CPUS_PER_TASK=] [PORT=] [SRUN_ARGS=] $0 PARTITION JOB_NAME CONFIG CHECKPOINT [ARGS...]" >&2
    exit 2
fi
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
CHECKPOINT=$4
shift 4
TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
GPUS=${GPUS:-8}
source "$TOOLS/launch.sh"
slurm --kill-on-bad-exit=1 "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" \
    --launcher slurm "$@"
