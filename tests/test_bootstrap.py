"""The Python finding of bin/bootstrap.sh, really run against a PATH of our making."""

import subprocess
import sys
from pathlib import Path

BOOTSTRAP = Path(__file__).resolve().parent.parent / "bin" / "bootstrap.sh"


def find_python(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", '. "$1" && find_python', "sh", str(BOOTSTRAP)],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def put_program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_a_shim_that_leads_nowhere_is_passed_over(tmp_path: Path) -> None:
    put_program(tmp_path / "python3.11", 'echo "pyenv: python3.11: command not found" >&2; exit 127')
    put_program(tmp_path / "python3.12", f'exec "{sys.executable}" "$@"')
    answer = find_python(tmp_path)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{tmp_path / 'python3.12'}\n", "")


def test_without_any_python_one_sentence_says_so(tmp_path: Path) -> None:
    put_program(tmp_path / "python3", "exit 1")
    answer = find_python(tmp_path)
    assert answer.returncode != 0
    assert answer.stdout == ""
    assert answer.stderr.startswith("No usable Python found")
    assert answer.stderr.count("\n") == 1
