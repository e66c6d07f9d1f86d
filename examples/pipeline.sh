#!/bin/sh
# The chain as one pipe: the pipe carries the manifest, the disk carries the pixels.
#
#   sh examples/pipeline.sh IN/ LABELS.csv OUT/        any folder of images with a table of labels
#
# Settings, by environment: SIZE (224), MODEL (densenet121), EPOCHS (20), JOBS (0: every CPU), KEY_FILE
set -eu

in=$(cd "$1" && pwd)
labels=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
mkdir -p "$3"
cd "$3"

export MEDCLI_INGEST_JOBS="${JOBS:-0}" MEDCLI_PREPROCESS_JOBS="${JOBS:-0}" MEDCLI_TRAIN_JOBS="${JOBS:-0}"
if [ -n "${KEY_FILE:-}" ]; then export MEDCLI_INGEST_KEY_FILE="$KEY_FILE"; fi

medcli ingest --labels "$labels" "$in" \
  | medcli preprocess --clahe --size "${SIZE:-224}" - out.h5 \
  | medcli split - \
  | medcli train --model "${MODEL:-densenet121}" --epochs "${EPOCHS:-20}" - run/ \
  | medcli calibrate - \
  | medcli evaluate - report/ > study.json
medcli explain study.json maps.h5 -o explained.json
