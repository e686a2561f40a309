"""All packages in one environment: they install together, import without a network, and answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from federation import Package, core, packages

WITHOUT_A_NETWORK = """
import socket
def refuse(*arguments, **options): raise AssertionError("a socket was opened during import")
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
"""

every_package = pytest.mark.parametrize("package", packages(), ids=lambda p: p.name)


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_all_import_with_sockets_blocked():
    names = [core().import_name, *(package.import_name for package in packages())]
    touch = "\n".join(f"import {name}\nfor n in {name}.__all__: getattr({name}, n)" for name in names)
    done = python(f"{WITHOUT_A_NETWORK}\n{touch}\nprint('ok')")
    assert done.stdout.strip().endswith("ok"), done.stderr


def test_installed_from_wheels_not_from_the_checkout():
    for package in packages():
        done = python(f"import {package.import_name} as m; print(m.__file__)")
        assert "site-packages" in Path(done.stdout.strip()).parts


@every_package
def test_command_line_answers(package: Package):
    command = Path(sys.executable).parent / str(package.command)
    version = subprocess.run([command, "--version"], capture_output=True, text=True)
    assert version.returncode == 0, version.stderr
    assert package.version in version.stdout
    assert subprocess.run([command, "--help"], capture_output=True, text=True).stdout
    assert subprocess.run([command, "no-such-verb"], capture_output=True, text=True).returncode == 2
