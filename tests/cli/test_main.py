"""The program as a shell sees it: streams, exit statuses, configuration, light start."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from medcli.cli.streams import printable
from medcli.store.digests import sha256_file
from medcli.store.manifest import Manifest, manifest_bytes, parse_manifest
from tests.cli.run import PROGRAM, environment, medcli, shell
from tests.store.helpers import TASK, record, write_shard

HEAVY = {"numpy", "torch", "h5py", "cv2", "pydantic", "rich", "scipy", "pydicom", "fastjsonschema"}


def cohort(path: Path, patients: int = 40) -> Path:
    """A manifest of two images a patient."""
    manifest = Manifest(task=TASK, records=[record(i) for i in range(2 * patients)])
    path.write_bytes(manifest_bytes(manifest, base=path.parent))
    return path


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["split", "--help"], ["split", "--foo"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom medcli.cli.program import run\n"
        f"run({arguments!r})\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert set(done.stderr.splitlines()[-1].split()) & HEAVY == set()


def test_split_wants_neither_torch_nor_sklearn(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom medcli.cli.program import run\n"
        f"status = run(['split', {str(cohort(tmp_path / 'm.json'))!r}, '-o', {str(tmp_path / 's.json')!r}])\n"
        "assert status == 0 and not {'torch', 'sklearn', 'timm'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["split", "--foo"], 2, "no such option: --foo"),
        (["spilt"], 2, "no such command 'spilt'"),
        (["split", "--shares", "1,2", "x"], 2, "must be 3 numbers"),
        (["split", "missing.json"], 66, "missing.json: no such file"),
        (["show", "missing.h5"], 66, "missing.h5: no such file"),
        (["compare", "--level", "nan", "a.csv", "b.csv"], 2, "--level is nan, it must be a number"),
        (["evaluate", "--fixed-rate", "nan", "a.csv"], 2, "--fixed-rate is nan, it must be a number"),
        (["readers", "--positive-from", "nan", "a.csv"], 2, "--positive-from is nan, it must be a number"),
        (["man", "spilt"], 2, "'spilt' is no command"),
        (["split", "--config", "none.toml", "x"], 66, "none.toml: no such file"),
    ],
)
def test_one_clear_line_and_the_documented_status(
    tmp_path: Path, arguments: list[str], status: int, words: str
) -> None:
    done = medcli(*arguments, cwd=tmp_path)
    assert done.returncode == status
    assert words in done.stderr.splitlines()[0].replace("'spilt'.", "'spilt'")
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) <= 2


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in medcli("split", "--debug", "missing.json", cwd=tmp_path).stderr


def test_only_the_result_goes_down_the_pipe(tmp_path: Path) -> None:
    cohort(tmp_path / "m.json")
    done = medcli("split", "-", stdin=(tmp_path / "m.json").read_bytes(), cwd=tmp_path)
    manifest = parse_manifest(done.stdout.encode(), where="stdout", base=tmp_path)
    assert set(manifest.splits["parts"]) == {"train", "val", "test"}  # type: ignore[index]


def test_a_library_that_prints_does_not_reach_the_pipe(tmp_path: Path) -> None:
    code = (
        "import os, sys\nimport medcli.stages.show as stage\nreal = stage.run\n"
        "def noisy(config):\n    print('noise'); os.write(1, b'raw noise\\n'); return real(config)\n"
        "stage.run = noisy\nfrom medcli.cli.program import run\n"
        f"sys.exit(run(['show', '--json', {str(cohort(tmp_path / 'm.json'))!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert json.loads(done.stdout)["images"] == 80
    assert "noise" in done.stderr
    assert "raw noise" in done.stderr


def test_pipe_and_file_give_the_same_bytes(tmp_path: Path) -> None:
    cohort(tmp_path / "m.json")
    piped = medcli("split", "-", stdin=(tmp_path / "m.json").read_bytes(), cwd=tmp_path).stdout
    medcli("split", "m.json", "-o", "s.json", cwd=tmp_path)
    assert (tmp_path / "s.json").read_text() == piped


def test_a_reader_that_goes_away_ends_us_quietly(tmp_path: Path) -> None:
    cohort(tmp_path / "m.json", patients=3000)
    done = shell("medcli split -q m.json | head -c 10 > first; echo", cwd=tmp_path)
    assert done.stderr == ""
    code = (
        "import os, subprocess, sys\nr, w = os.pipe(); os.close(r)\n"
        f"p = subprocess.run({[*PROGRAM, 'split', '-q', 'm.json']!r}, stdout=w)\nprint(p.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment()
    )
    assert (done.stdout.strip(), done.stderr) == ("141", "")


@pytest.mark.parametrize("line", ["medcli --help", "medcli schema", "medcli --version", "medcli man split"])
def test_a_full_device_and_closed_streams(tmp_path: Path, line: str) -> None:
    full = shell(f"{line} > /dev/full", cwd=tmp_path)
    assert full.returncode == 74
    assert "no space left" in full.stderr
    assert "Traceback" not in full.stderr
    assert shell(f"{line} 2>&-", cwd=tmp_path).returncode == 0
    closed = shell(f"{line} >&-", cwd=tmp_path)
    assert closed.returncode in (0, 74)
    assert "Traceback" not in closed.stderr
    assert shell(f"{line} <&-", cwd=tmp_path).returncode == 0


def test_configuration_order_is_flag_environment_file_default(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[split]\nseed = 5\nshares = "60,20,20"\n')

    def seed(*flags: str, **extra: str) -> str:
        text = medcli("split", "--dry-run", "x", *flags, cwd=tmp_path, **extra).stdout
        return next(line.split()[1] for line in text.splitlines() if line.strip().startswith("seed"))

    assert seed() == "0"
    assert seed("--config", "c.toml") == "5"
    assert seed("--config", "c.toml", MEDCLI_SPLIT_SEED="6") == "6"
    assert seed("--config", "c.toml", "--seed", "7", MEDCLI_SPLIT_SEED="6") == "7"
    plan = medcli("split", "--dry-run", "--config", "c.toml", "x", cwd=tmp_path).stdout
    assert "60.0,20.0,20.0" in plan
    (tmp_path / "c.toml").write_text("[split]\nshares = [70, 20, 10]\n")
    plan = medcli("split", "--dry-run", "--config", "c.toml", "x", cwd=tmp_path).stdout
    assert "70.0,20.0,10.0" in plan


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[spilt]\n", "[spilt] is no command"),
        ("[split]\nsede = 1\n", "'sede' is no option"),
        ("[split\n", "not valid TOML"),
        ("split = 3\n", "must be a table"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    done = medcli("split", "--config", "c.toml", "x", cwd=tmp_path)
    assert done.returncode == 78
    assert words in done.stderr


def test_text_from_files_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[31mb\nc\x07é") == "a\\x1b[31mb\\nc\\x07é"


def test_a_terminal_gets_a_summary_and_json_on_request(tmp_path: Path) -> None:
    cohort(tmp_path / "m.json")

    def on_terminal(*arguments: str) -> str:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*PROGRAM, *arguments], cwd=tmp_path, stdout=theirs, stderr=theirs, env=environment()
        )
        os.close(theirs)
        chunks = []
        try:
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)
        except OSError:
            pass
        process.wait()
        os.close(ours)
        return b"".join(chunks).decode().replace("\r\n", "\n")

    assert on_terminal("show", "m.json").startswith("kind ")
    assert json.loads(on_terminal("show", "--json", "m.json"))["patients"] == 40


def test_completion_is_offered(tmp_path: Path) -> None:
    done = medcli(cwd=tmp_path, _MEDCLI_COMPLETE="complete_bash", COMP_WORDS="medcli spl", COMP_CWORD="1")
    assert done.stdout.split() == ["split"]


def test_a_manifest_does_not_replace_what_it_names(tmp_path: Path) -> None:
    ref = write_shard(tmp_path / "a.h5", count=40)
    done = medcli("split", "a.h5", "-o", "a.h5", cwd=tmp_path)
    assert done.returncode == 2
    assert "would replace a file that it names" in done.stderr
    assert sha256_file(tmp_path / "a.h5") == ref["sha256"]
