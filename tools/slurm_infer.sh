#!/usr/bin/env bash
# Label files under Slurm: tools/slurm_infer.sh PARTITION JOB_NAME TASKS COMMAND [arguments of tools/COMMAND.py]
# COMMAND is infer or propagate_labels. The tasks of the job array share the files. Submitted again with the same
# arguments, it does what is not done yet. GPUS_PER_TASK, CPUS_PER_TASK and SBATCH_ARGS change the allocation.
set -euo pipefail
USAGE='usage: tools/slurm_infer.sh PARTITION JOB_NAME TASKS infer|propagate_labels [arguments]'
PARTITION=${1:?$USAGE} JOB_NAME=${2:?$USAGE} TASKS=${3:?$USAGE} COMMAND=${4:?$USAGE}
case $COMMAND in
  infer) GPUS=${GPUS_PER_TASK:-1} ;;
  propagate_labels) GPUS=${GPUS_PER_TASK:-0} ;;
  *) echo "$USAGE" >&2; exit 2 ;;
esac
# shellcheck disable=SC2086  # SBATCH_ARGS is a list of arguments
sbatch --partition="$PARTITION" --job-name="$JOB_NAME" --array="0-$((TASKS - 1))" \
  --gres="gpu:$GPUS" --cpus-per-task="${CPUS_PER_TASK:-4}" ${SBATCH_ARGS:-} \
  --wrap "$(printf '%q ' python -u "$(dirname "$0")/$COMMAND.py" "${@:5}")"
