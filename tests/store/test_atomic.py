"""Outputs appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medcli.errors import OutputError, UsageError
from medcli.store.atomic import (
    check_apart,
    check_creatable,
    locked,
    prepare_folder,
    replacing,
    sweep,
    write_bytes,
)
from medcli.store.digests import canonical_json, derive_seed, digest_json, sha256_bytes


def test_a_written_file_has_the_digest_that_was_returned(tmp_path: Path) -> None:
    digest = write_bytes(tmp_path / "a", b"abc")
    # FIPS 180-2, appendix B.1
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (tmp_path / "a").read_bytes() == b"abc"
    assert os.listdir(tmp_path) == ["a"]


def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a") as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_mode_is_as_asked(tmp_path: Path) -> None:
    write_bytes(tmp_path / "secret", b"x", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_full_device_is_a_storage_error_that_says_how_much(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path; "
        "from medcli.store.atomic import write_bytes; from medcli.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_bytes(Path(sys.argv[1]), b'x' * 5000)\n"
        "except StorageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "big")], capture_output=True, text=True)
    assert "5,000 bytes needed" in done.stdout, done.stderr
    assert os.listdir(tmp_path) == []


def test_two_writers_one_wins(tmp_path: Path) -> None:
    with locked(tmp_path / "out"):
        code = (
            "import sys; from pathlib import Path; from medcli.store.atomic import locked\n"
            "with locked(Path(sys.argv[1])): pass"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True
        )
        assert "another job is writing it" in other.stderr
    with locked(tmp_path / "out"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from medcli.store.atomic import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], check=False)
    with locked(tmp_path / "out"):
        pass


def test_leftovers_of_dead_processes_are_swept_and_of_living_ones_kept(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from medcli.store.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], check=False)
    assert len(os.listdir(tmp_path)) == 1
    with replacing(tmp_path / "other") as ours:
        sweep(tmp_path)
        assert ours.exists()
    assert os.listdir(tmp_path) == ["other"]


def test_folders_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "missing" / "x", tmp_path / "file" / "x", tmp_path):
        with pytest.raises(OutputError):
            check_creatable(path)
    with pytest.raises(OutputError, match="file exists"):
        prepare_folder(tmp_path / "file")
    with pytest.raises(OutputError):
        check_creatable(tmp_path / "fine", None, tmp_path / "missing" / "x")


def test_what_a_killed_run_of_the_same_number_left_does_not_stop_the_next(tmp_path: Path) -> None:
    with replacing(tmp_path / "out") as temporary:
        pass
    temporary.touch()
    check_creatable(tmp_path / "out")
    assert os.listdir(tmp_path) == ["out"]


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": 1, "a": [1.5, "é"]}) == '{"a":[1.5,"é"],"b":1}'
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


def test_seeds_differ_by_part_and_not_by_concatenation() -> None:
    assert derive_seed(1, "ab") != derive_seed(1, "a", "b")
    assert derive_seed(0, 11) != derive_seed(0, 1, 1)
    assert 0 <= derive_seed("x") < 2**63
    assert derive_seed(0, "epoch", 3) == int(sha256_bytes(b'[0,"epoch",3]')[:16], 16) >> 1


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_a_pipe_or_a_device_is_never_replaced_by_a_file(make, tmp_path: Path) -> None:
    path = tmp_path / "special"
    make(path)
    with pytest.raises(OutputError, match="device or a pipe"):
        check_creatable(path)
    with pytest.raises(OutputError, match="device or a pipe"):
        write_bytes(path, b"x")
    assert not path.is_file()
    assert os.listdir(tmp_path) == ["special"]
    for stream in ("/dev/stdout", "/dev/fd/1"):
        with pytest.raises(OutputError, match="device or a pipe"):
            check_creatable(Path(stream))


def test_an_output_that_is_an_input_is_refused_whatever_its_spelling(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to("a")
    check_apart((None, tmp_path / "b"), (tmp_path / "a", None))
    for output in (tmp_path / "a", tmp_path / "link", tmp_path / "c" / ".." / "a"):
        with pytest.raises(UsageError, match="it is an input"):
            check_apart((None, output), (tmp_path / "a", None))
