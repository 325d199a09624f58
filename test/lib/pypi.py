"""Packages that PyPI has, in a virtual environment under the build folder that tests share: made once, kept from run to run."""
import fcntl
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build" / "peers" / "python"


def python_with(*packages):
    """A Python that has the packages ("name==version"), and None; or None and why there is none."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with open(FOLDER.parent / "python.lock", "w") as lock:  # two tests may come at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (FOLDER / "bin" / "pip").exists():
            made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], capture_output=True, timeout=300)
            if made.returncode != 0:
                return None, "no virtual environment can be made"
        python = str(FOLDER / "bin" / "python")
        got = subprocess.run([python, "-m", "pip", "-q", "install", *packages], capture_output=True, timeout=300)
    if got.returncode != 0:
        return None, "".join(got.stderr.decode(errors="replace").strip().splitlines()[-1:])
    return python, None
