"""What the README, the help texts and examples/ show is run, as it stands there."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from medcli.cli.table import COMMANDS
from tests.cli.run import ROOT, shell

pytestmark = pytest.mark.xdist_group("chain")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's first steps were taken, line by line."""
    folder = tmp_path_factory.mktemp("study")
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S):
        done = shell("set -e\n" + block, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


FURNITURE = """
medcli train --model resnet10t --epochs 1 splits.json small/ -o trained.json
medcli calibrate trained.json -o calibrated.json
medcli preprocess --clahe --size 64 cohort.json site-b.h5 > site-b.json
medcli predict --model run/model.safetensors site-b.h5 scores.h5 > scores.json
cp -r phantoms in
medcli synth -q --kind derm --patients 12 --size 64 lesions-source
mkdir -p folders/mole folders/other
find lesions-source/images -name '*.png' | sort | awk '{ print (NR % 2 ? "mole" : "other"), $0 }' |
  while read -r class file; do cp "$file" folders/$class/; done
medcli synth -q --kind ct --patients 3 --size 64 ct
sed '1s/$/,part/; 2,$s/$/,train/' phantoms/labels.csv > parts.csv
medcli ingest -q --labels parts.csv phantoms/ -o official.json
medcli synth -q --kind mri --patients 2 --size 64 mr
{ echo id,target,score; seq 40 | awk '{ print $1 "," $1 % 2 "," ($1 % 7) / 7 }'; } > val.csv
for model in model-a model-b small large home; do
  { echo id,target,score
    seq 40 | awk -v k=${#model} '{ print $1 "," $1 % 2 "," ($1 * k % 11) / 11 }'; } > $model.csv
done
sed '2,$s/^/away-/' home.csv > away.csv
awk -F, 'NR == 1 { print $0 ",site" } NR > 1 { print $0 "," (NR % 4 < 2 ? "b" : "c") }' away.csv > sites.csv
mkdir -p radiologists
for reader in a bb ccc dddd; do
  { echo id,value
    seq 40 | awk -v k=${#reader} '{ print $1 "," ($1 % (k + 3) ? $1 % 2 : 1) }'; } > radiologists/$reader.csv
done
{ echo id,target; seq 40 | awk '{ print $1 "," $1 % 2 }'; } > reference.csv
{ echo id,reader,arm,value
  for arm in alone helped; do
    for reader in a bb ccc; do
      seq 40 | awk -v r=$reader -v k=${#reader} -v a=$arm \
        '{ print $1 "," r "," a "," ($1 % 2) * (a == "helped") + $1 * (k + 3) % 5 }'
    done
  done; } > readings.csv
"""

WEIGHTS = """
import timm, safetensors.torch
model = timm.create_model("mobilenetv2_035", num_classes=0)
half = "0.5,0.5,0.5"
safetensors.torch.save_file(model.state_dict(), "w.safetensors", metadata={"mean": half, "std": half})
"""


@pytest.fixture(scope="module")
def furnished(study: Path) -> Path:
    """The study with the other files that help texts name."""
    done = shell("set -e\n" + FURNITURE, cwd=study)
    assert done.returncode == 0, done.stderr
    subprocess.run([sys.executable, "-c", WEIGHTS], cwd=study, check=True)
    rows = list(csv.DictReader((study / "lesions-source/labels.csv").open()))
    with (study / "t.csv").open("w") as table:
        print("image,dx,pid", file=table)
        for row in rows:
            print(row["path"], row["label"], row["patient"], sep=",", file=table)
    return study


def test_the_readme_keeps_its_word(study: Path) -> None:
    assert "<html" in (study / "report/report.html").read_text()
    assert (study / "maps.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads((study / "study.json").read_text())
    assert document["evaluation"]
    assert [entry["command"] for entry in document["history"]] == [
        "ingest",
        "preprocess",
        "split",
        "train",
        "calibrate",
        "evaluate",
    ]


def test_every_command_is_in_the_readme_steps_or_examples() -> None:
    text = (ROOT / "README.md").read_text()
    assert [entry.name for entry in COMMANDS if f"medcli {entry.name}" not in text] == []


EXAMPLES = [
    pytest.param(entry.name, line, id=f"{entry.name}: {comment}")
    for entry in COMMANDS
    for comment, line in entry.examples
]


def _link_or_copy(source: str, target: str) -> None:
    """Links for what only medcli writes, which replaces; copies for what a shell's `>` writes in place."""
    (shutil.copy2 if source.endswith(".json") else os.link)(source, target)


@pytest.mark.parametrize(("name", "line"), EXAMPLES)
def test_examples_of_the_help_texts_run(furnished: Path, tmp_path: Path, name: str, line: str) -> None:
    """Each in a copy of the study, where the files that it names exist."""
    outputs = {"train": ["run"], "synth": ["phantoms", "lesions"], "evaluate": ["report"]}.get(name, [])
    ignored = shutil.ignore_patterns(*outputs)
    shutil.copytree(furnished, tmp_path, dirs_exist_ok=True, ignore=ignored, copy_function=_link_or_copy)
    if "--key image " in line:
        shutil.rmtree(tmp_path / "in")
        shutil.copytree(furnished / "lesions-source", tmp_path / "in")
    if name == "train":
        line += " --epochs 1"
    done = shell(f"set -e\n{line}", cwd=tmp_path)
    assert done.returncode in (0, 3), f"{shlex.quote(line)}\n{done.stderr}"


INPUTS = {"phantoms", "in", "folders", "lesions-source", "ct", "mr", "parts.csv", "t.csv", ".bin"}
SMALL = {"SIZE": "64", "MODEL": "resnet10t", "EPOCHS": "2"}
ARTEFACTS = ("out.h5", "run/model.safetensors", "run/predictions-test.h5", "report/report.html", "maps.h5")


def test_pipe_and_files_and_any_number_of_jobs_give_the_same_bytes(study: Path) -> None:
    """examples/pipeline.sh with two jobs against examples/files.sh with one."""
    results = {}
    for script, jobs in (("pipeline.sh", "2"), ("files.sh", "1")):
        out = f"out-{jobs}"
        line = f'sh "{ROOT}/examples/{script}" phantoms phantoms/labels.csv {out}'
        done = shell(line, cwd=study, JOBS=jobs, **SMALL)
        assert done.returncode == 0, done.stderr
        results[script] = _files_below(study / out)
    piped, filed = results["pipeline.sh"], results["files.sh"]
    # files.sh also keeps the manifest of each step between; everything else is the same, the private map too
    between = {"cohort.json", "shards.json", "splits.json", "trained.json", "calibrated.json"}
    assert set(filed) - between == set(piped)
    assert {*ARTEFACTS, "study.json", "explained.json"} <= set(piped)
    assert [name for name, data in piped.items() if data != filed[name]] == []


def _files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_no_output_holds_a_name_or_a_number_of_a_patient(study: Path) -> None:
    """Every invented identity of the phantoms is searched for in everything that was made of them."""
    canaries = [line.encode() for line in (study / "phantoms/canaries.txt").read_text().split("\n") if line]
    assert len(canaries) > 100
    outputs = [
        path
        for path in study.rglob("*")
        if path.is_file() and not INPUTS & set(path.relative_to(study).parts)
    ]
    private = [path for path in outputs if path.name.startswith("sources-")]
    assert private
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in private)
    outputs = [path for path in outputs if path not in private]
    assert len(outputs) > 10
    for path in outputs:
        data = path.read_bytes().lower()
        leaked = [word for word in canaries if word.lower() in data]
        assert leaked == [], f"{path.name} holds {leaked[:3]}"
