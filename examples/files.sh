#!/bin/sh
# The same chain as examples/pipeline.sh, with a file after each step: for clusters, and for looking inside.
#
#   sh examples/files.sh IN/ LABELS.csv OUT/
#
# Settings, by environment: SIZE (224), MODEL (densenet121), EPOCHS (20), JOBS (0: every CPU), KEY_FILE
set -eu

in=$(cd "$1" && pwd)
labels=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
jobs=${JOBS:-0}
mkdir -p "$3"
cd "$3"

medcli ingest --labels "$labels" --jobs "$jobs" ${KEY_FILE:+--key-file "$KEY_FILE"} "$in" -o cohort.json
medcli preprocess --clahe --size "${SIZE:-224}" --jobs "$jobs" cohort.json out.h5 -o shards.json
medcli split shards.json -o splits.json
medcli train --model "${MODEL:-densenet121}" --epochs "${EPOCHS:-20}" --jobs "$jobs" splits.json run/ -o trained.json
medcli calibrate trained.json -o calibrated.json
medcli evaluate calibrated.json report/ -o study.json
medcli explain study.json maps.h5 -o explained.json
medcli check study.json explained.json
