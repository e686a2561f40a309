import importlib.metadata
import json
import os
import platform
import socket
import subprocess
import sys

import pytest

from tenfold_core.logging import environment


def test_it_names_interpreter_machine_and_versions():
    found = environment("pytest", "hypothesis")
    assert found["python"] == platform.python_version()
    assert found["platform"] == platform.platform()
    assert found["cpu_count"] >= 1
    for name in ("tenfold-core", "numpy", "rich", "matplotlib", "lazy-loader", "pytest", "hypothesis"):
        assert found["packages"][name] == importlib.metadata.version(name)
    assert list(found["packages"]) == sorted(found["packages"])
    assert json.loads(json.dumps(found)) == found


def test_it_names_no_person_and_no_place():
    text = json.dumps(environment())
    assert socket.gethostname() not in text
    assert os.getcwd() not in text
    assert os.path.expanduser("~") not in text


def test_an_unknown_package_is_an_error():
    with pytest.raises(importlib.metadata.PackageNotFoundError, match="no-such-distribution"):
        environment("no-such-distribution")


def test_loaded_packages_built_on_the_core_bring_their_requirements(tmp_path):
    """A distribution that requires tenfold-core counts once it is imported; its requirements count if installed."""
    package = tmp_path / "made_up_method"
    package.mkdir()
    (package / "__init__.py").touch()
    described = tmp_path / "made_up_method-3.1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: made-up-method\nVersion: 3.1\n"
        "Requires-Dist: tenfold-core (>=0.1,<1)\nRequires-Dist: pytest>=8\n"
        "Requires-Dist: scikit_learn>=1; extra == 'train'\nRequires-Dist: not-installed-anywhere\n"
    )
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tenfold_core.logging import environment\n"
        "before = environment()['packages']\n"
        "import made_up_method\n"
        "import json; print(json.dumps([before, environment()['packages']]))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout)
    assert set(after) - set(before) == {"made-up-method", "pytest", "scikit-learn"}
    assert after["made-up-method"] == "3.1"


def test_torch_is_named_once_loaded_and_not_loaded_for_it():
    code = (
        "import sys, json\nfrom tenfold_core.logging import environment\n"
        "before = environment()\nassert 'torch' not in sys.modules\n"
        "import torch\nprint(json.dumps([before, environment()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = json.loads(done.stdout)
    assert "torch" not in before["packages"]
    assert after["packages"]["torch"] == importlib.metadata.version("torch")
    assert after["threads"]["torch"] >= 1
