"""What a person must know is said once, and with the table it belongs to."""

from __future__ import annotations

from tests.cli.run import medcli

SCORES = "id,patient,target,score\n" + "".join(f"{i},{i},{i % 2},{(i * 37 % 20) / 20}\n" for i in range(40))
READINGS = "id,reader,value\n" + "".join(
    f"{i},{name},{i % 3 == k}\n" for i in range(12) for k, name in enumerate("XY")
)


def test_every_warning_is_on_the_screen_once(tmp_path):
    (tmp_path / "scores.csv").write_text(SCORES)
    done = medcli("evaluate", "--resamples", "100", "scores.csv", "report", "-o", "study.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stderr.split())
    assert told.count("few positive images") == 1
    quiet = medcli(
        "evaluate", "-q", "--resamples", "100", "scores.csv", "report", "-o", "again.json", cwd=tmp_path
    )
    assert quiet.stderr == ""


def test_readers_name_measures_as_the_report_does(tmp_path):
    (tmp_path / "readings.csv").write_text(READINGS.replace("True", "1").replace("False", "0"))
    (tmp_path / "truth.csv").write_text("id,value\n" + "".join(f"{i},{i % 2}\n" for i in range(12)))
    done = medcli("readers", "--truth", "truth.csv", "readings.csv", "-o", "agreement.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    heads = [line.split() for line in done.stderr.splitlines() if line.startswith("mean reader")]
    assert heads == [["mean", "reader", "figure", "estimate"]]
    assert " ".join(done.stderr.split()).count("fewer than 5 say little") == 1
    assert max(map(len, done.stderr.splitlines())) <= 80
