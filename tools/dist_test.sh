#!/usr/bin/env bash
# Test on several processes of one machine: NCCL on GPUs, gloo on CPUs.
#   tools/dist_test.sh CONFIG CHECKPOINT PROCESSES [options of tools/test.py]
# Signals reach all of them.
set -euo pipefail
CONFIG=$1
CHECKPOINT=$2
PROCESSES=$3
shift 3
exec python -m fume_mm.engine.launching "$PROCESSES" \
    "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "$@"
