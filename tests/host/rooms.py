"""Places where something is wrong for real: small disks in a mount namespace of their own."""

import subprocess
import sys

import pytest


def on_tmpfs(options, code, *, before=""):
    """Run Python with the variable `here` on a fresh tmpfs mounted with these options; gives what it prints."""
    script = f'mount -t tmpfs -o {options} none /mnt && {before or "true"} && exec "$0" -c "$1"'
    whole = "here = '/mnt'\n" + code
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, sys.executable, whole], capture_output=True, text=True, timeout=60
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no mounts here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def limited(setting, code):
    """Run Python with this resource limit, `NAME, soft`; gives what it prints."""
    head = f"import resource\nname, soft = {setting}\nhard = resource.getrlimit(name)[1]\n"
    head += "resource.setrlimit(name, (soft, hard))\n"
    done = subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
