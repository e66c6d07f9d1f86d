#!/bin/sh
# Submit the chain: each job starts when the one before it has ended well.
#
#   IN=films/ LABELS=films/labels.csv WORK=study/ sh examples/slurm/submit.sh [SBATCH OPTION...]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
: "${IN:?the folder of images}" "${LABELS:?the table of labels}" "${WORK:?the folder of results}"
mkdir -p "$WORK"
export IN LABELS WORK

before=
for stage in preprocess split train calibrate evaluate explain; do
  before=$(cd "$WORK" && sbatch --parsable --export=ALL --kill-on-invalid-dep=yes \
    ${before:+--dependency=afterok:"$before"} "$@" "$here/$stage.sbatch")
  echo "$stage $before"
done
