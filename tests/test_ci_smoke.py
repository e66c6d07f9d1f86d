"""The CI job of examples/ci-smoke.yml does what it says, step by step, and its gates can fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.run import ROOT, shell

pytestmark = pytest.mark.xdist_group("chain")


def steps() -> dict[str, str]:
    """Name and shell lines of every step that is plain sh, but for the installation."""
    job = yaml.safe_load((ROOT / "examples/ci-smoke.yml").read_text())["jobs"]["smoke"]
    return {step["name"]: step["run"] for step in job["steps"] if "run" in step and step["name"] != "Install"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which all steps ran in their order."""
    folder = tmp_path_factory.mktemp("ci")
    for name, run in steps().items():
        done = shell(f"set -e\n{run}", cwd=folder)
        assert done.returncode == 0, f"{name}:\n{done.stderr}"
    return folder


def test_the_job_ends_with_a_report(workspace: Path) -> None:
    assert "<html" in (workspace / "report/report.html").read_text()


def test_a_damaged_file_and_a_leaked_name_fail_the_job(workspace: Path) -> None:
    whole, leak = (steps()[name] for name in steps() if name.startswith(("Every file", "No name")))
    shard = workspace / "out.h5"
    content = shard.read_bytes()
    shard.write_bytes(content[:-8])
    assert shell(f"set -e\n{whole}", cwd=workspace).returncode == 4
    shard.write_bytes(content)
    log = workspace / "report/log.txt"
    log.write_text((workspace / "phantoms/canaries.txt").read_text().splitlines()[1].lower())
    done = shell(f"set -e\n{leak}", cwd=workspace)
    assert done.returncode == 1
    assert "report/log.txt holds an identity" in done.stderr


def test_the_job_names_no_address() -> None:
    text = (ROOT / "examples/ci-smoke.yml").read_text()
    assert "://" not in text
    assert "index-url" not in text.replace("_", "-")
