# Sourced by dist_train.sh, dist_test.sh, slurm_train.sh and slurm_test.sh.
# launch PROCESSES SCRIPT [ARGUMENTS...]: run SCRIPT by torchrun.
# slurm OPTIONS SCRIPT [ARGUMENTS...]: run SCRIPT by srun.
# interpreter: the Python to run.

# NAME VALUE: a positive whole number, or a clear line instead of a traceback.
whole_number() {
    case $2 in
    '' | *[!0-9]* | 0)
        echo "$0: $1 must be a whole number above 0, got '$2'" >&2
        exit 2
        ;;
    esac
}
whole_number GPUS "$GPUS"
whole_number NNODES "${NNODES:-1}"
case ${NODE_RANK:-0} in
*[!0-9]*)
    echo "$0: NODE_RANK must be 0 to NNODES - 1, got '$NODE_RANK'" >&2
    exit 2
    ;;
esac
if [ "${NODE_RANK:-0}" -ge "${NNODES:-1}" ]; then
    echo "$0: NODE_RANK must be 0 to NNODES - 1, got NODE_RANK=$NODE_RANK of NNODES=${NNODES:-1}" >&2
    exit 2
fi
# It would wait for itself.
if [ "${NODE_RANK:-0}" -gt 0 ] && [ -z "$MASTER_ADDR" ]; then
    echo "$0: NODE_RANK=$NODE_RANK needs MASTER_ADDR, the address of the node of NODE_RANK=0" >&2
    exit 2
fi

# Each process would otherwise start a thread for every core of the node.
cores_per_process() {
    local cores
    cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
    cores=$((cores / $1))
    echo $((cores > 0 ? cores : 1))
}

# $PYTHON, or that of the active environment, or the one `make` set up here.
interpreter() {
    local ours=$TOOLS/../.venv/bin/python
    if [ -n "$PYTHON" ]; then
        echo "$PYTHON"
    elif [ -z "$VIRTUAL_ENV$CONDA_PREFIX" ] && [ -x "$ours" ]; then
        echo "$ours"
    else
        echo python
    fi
}

launch() {
    local processes=$1
    shift
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(cores_per_process "$processes")}
    local port=${MASTER_PORT:-$PORT}
    local rendezvous
    if [ "${NNODES:-1}" = 1 ] && [ -z "$port" ]; then
        rendezvous=(--standalone)
    else
        rendezvous=(
            --node-rank "${NODE_RANK:-0}"
            --master-addr "${MASTER_ADDR:-127.0.0.1}"
            --master-port "${port:-29500}"
        )
    fi
    # PyTorch would start all processes again (--max-restarts) with the store
    # of those that died, and some with their addresses:
    # https://github.com/pytorch/pytorch/issues/135712
    export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
    exec "$(interpreter)" -m torch.distributed.run \
        --nnodes "${NNODES:-1}" --nproc-per-node "$processes" \
        "${rendezvous[@]}" "$@"
}

# OPTIONS and SRUN_ARGS are split into words on purpose. The interpreter and its
# packages must be at the same place on all nodes.
slurm() {
    local options=$1
    shift
    GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
    whole_number GPUS_PER_NODE "$GPUS_PER_NODE"
    whole_number CPUS_PER_TASK "${CPUS_PER_TASK:-5}"
    # Where the ranks meet; MMEngine takes 29500 if it is not said.
    if [ -n "$PORT" ]; then export MASTER_PORT=${MASTER_PORT:-$PORT}; fi
    exec srun -p "$PARTITION" --job-name="$JOB_NAME" \
        --gres="gpu:$GPUS_PER_NODE" --ntasks="$GPUS" \
        --ntasks-per-node="$GPUS_PER_NODE" \
        --cpus-per-task="${CPUS_PER_TASK:-5}" $options $SRUN_ARGS \
        "$(interpreter)" -u "$@"
}
