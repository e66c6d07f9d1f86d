#!/bin/sh
# The whole chain on invented chest films: from a folder of DICOM to a report with heatmaps.
#
#   sh examples/demo.sh [FOLDER]        about two minutes on two CPUs
set -eu

out=${1:-demo}
rm -rf "$out"
mkdir -p "$out"
cd "$out"

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

say '1  An invented cohort: chest films of two sites, with known findings'
medcli synth --patients 160 --size 192 phantoms/

say '2  Ingest: which image, which labels, which patient (hashed), which site'
medcli ingest --labels phantoms/labels.csv --key-file phantoms/.key phantoms/ -o cohort.json

say '3  Preprocess: window, invert, contrast, 112 pixels, into one shard'
medcli preprocess --clahe --size 112 cohort.json out.h5 -o shards.json

say '4  Split: 70-15-15 by patient, stratified'
medcli split --shares 70,15,15 shards.json -o splits.json

say '5  Train a small network from nothing'
medcli train --model resnet10t --model-option output_stride=8 --epochs 16 --learning-rate 0.003 \
  splits.json run/ -o trained.json

say '6  Calibrate: probabilities and thresholds, from the validation part'
medcli calibrate trained.json -o calibrated.json

say '7  Explain: where did it look?'
medcli explain calibrated.json maps.h5 -o explained.json

say '8  Evaluate on patients that were never seen'
medcli evaluate explained.json report/ -o study.json

say "Done. Open this in a browser: $(pwd)/report/report.html"
