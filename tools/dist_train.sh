#!/usr/bin/env bash
# Train on several processes of one machine: NCCL on GPUs, gloo on CPUs.
#   tools/dist_train.sh CONFIG PROCESSES [options of tools/train.py]
# Ends with the status of the process that fails first: 75 if SIGTERM or SIGUSR1, which
# reach all of them, stopped the training and --resume goes on with it.
set -euo pipefail
CONFIG=$1
PROCESSES=$2
shift 2
exec python -m fume_mm.engine.launching "$PROCESSES" \
    "$(dirname "$0")/train.py" "$CONFIG" --launcher pytorch "$@"
