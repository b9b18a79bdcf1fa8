#!/usr/bin/env bash
# Train on GPUs of a Slurm cluster, one process per GPU.
#   [GPUS=8] tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
# GPUS in all (4), GPUS_PER_NODE (4, or GPUS if fewer), CPUS_PER_TASK (5); SRUN_ARGS are
# further options of srun. Slurm signals the processes 120 s before their time is up; a
# training that then has saved (status 75) is queued again with --resume: by this script,
# or, within a batch job, by scontrol (give sbatch --signal=USR1@120 and --requeue, since
# srun's own signal is not asked there). What stops this script stops the training.
set -euo pipefail
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
shift 3
GPUS=${GPUS:-4}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 4 ? GPUS : 4))}
RESUME=()
if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then RESUME=(--resume); fi
STOPPED='' INTERRUPTED=''
for SIGNAL in TERM USR1 INT; do
    trap "INTERRUPTED=$SIGNAL; kill -$SIGNAL \"\$SRUN\" || :" "$SIGNAL"
done
while :; do
    # shellcheck disable=SC2086 # SRUN_ARGS are several words
    srun --partition="$PARTITION" --job-name="$JOB_NAME" --gres=gpu:"$GPUS_PER_NODE" \
        --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" \
        --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 --signal=USR1@120 \
        ${SRUN_ARGS:-} python -u "$(dirname "$0")/train.py" "$CONFIG" \
        --launcher slurm "$@" ${RESUME[@]+"${RESUME[@]}"} &
    SRUN=$!
    while :; do
        STATUS=0
        wait "$SRUN" || STATUS=$?
        if [ -z "$INTERRUPTED" ]; then break; fi
        # a signal ends the wait, not srun
        if [ "$INTERRUPTED" != USR1 ]; then STOPPED=1; fi
        INTERRUPTED=
    done
    if [ "$STATUS" -ne 75 ]; then exit "$STATUS"; fi
    if [ -n "${SLURM_JOB_ID:-}" ]; then
        scontrol requeue "$SLURM_JOB_ID" || :
        exit 75
    fi
    if [ -n "$STOPPED" ]; then exit 75; fi
    RESUME=(--resume)
done
