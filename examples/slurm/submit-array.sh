#!/bin/sh
# Submit what preprocess.sbatch does as an array of jobs that are merged at the end.
#
#   IN=films/ LABELS=films/labels.csv WORK=study/ sh examples/slurm/submit-array.sh [SBATCH OPTION...]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
: "${IN:?the folder of images}" "${LABELS:?the table of labels}" "${WORK:?the folder of results}"
mkdir -p "$WORK"
export IN LABELS WORK

before=
for stage in ingest preprocess-array merge; do
  before=$(cd "$WORK" && sbatch --parsable --export=ALL --kill-on-invalid-dep=yes \
    ${before:+--dependency=afterok:"$before"} "$@" "$here/$stage.sbatch")
  echo "$stage $before"
done
