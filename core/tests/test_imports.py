"""Importing the core costs next to nothing, and every public name is what its stub says."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tenfold_core

SUB_PACKAGES = ("logging", "datasets", "metrics")
PUBLIC = [
    (sub_package, name)
    for sub_package in SUB_PACKAGES
    for name in importlib.import_module(f"tenfold_core.{sub_package}").__all__
]


def test_importing_loads_no_heavy_library():
    code = (
        "import sys, tenfold_core, tenfold_core.logging, tenfold_core.datasets, tenfold_core.metrics\n"
        "heavy = {'torch', 'transformers', 'scipy', 'sklearn', 'matplotlib', 'rich', 'numpy', 'huggingface_hub'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"loaded: {done.stderr}"


def test_using_files_and_loggers_loads_no_plotting_or_science_library(tmp_path):
    code = (
        "import sys\n"
        "from tenfold_core.datasets import append_jsonl, read_jsonl, split_by_group\n"
        "from tenfold_core.logging import Run, Section, configure, get_logger, report, track\n"
        "configure()\n"
        f"with Run({str(tmp_path / 'run')!r}, seed=0) as run:\n"
        "    run.log(loss=1.0)\n"
        "    run.save_artifact('report.html', report('title', [Section('one')]))\n"
        "list(track(range(3), 'counting'))\n"
        "heavy = {'torch', 'transformers', 'scipy', 'sklearn', 'matplotlib', 'rich', 'numpy'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"loaded: {done.stderr}"


def test_version_is_that_of_the_installed_distribution():
    assert tenfold_core.__version__ == importlib.metadata.version("tenfold-core")


@pytest.mark.parametrize(("sub_package", "name"), PUBLIC)
def test_every_public_name_exists_and_is_documented(sub_package, name):
    value = getattr(importlib.import_module(f"tenfold_core.{sub_package}"), name)
    assert not inspect.ismodule(value)
    assert inspect.getdoc(value)
    for attribute, member in vars(value).items() if inspect.isclass(value) else ():
        if inspect.isfunction(member) and not attribute.startswith("_"):
            assert inspect.getdoc(member), f"{name}.{attribute}"


@pytest.mark.parametrize(("sub_package", "name"), PUBLIC)
def test_every_public_name_is_used_in_the_tests_of_its_sub_package(sub_package, name):
    folder = Path(__file__).parent / sub_package
    used = {
        node.id
        for path in folder.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name)
    }
    assert name in used


@pytest.mark.parametrize("first", ["report.Section", "progress.track", "environment.environment"])
def test_a_function_named_like_its_module_is_never_hidden_by_it(first):
    module, name = first.split(".")
    code = (
        f"from tenfold_core.logging.{module} import {name}\n"
        "from tenfold_core.logging import environment, progress, report\n"
        "import tenfold_core.datasets.fingerprint\n"
        "from tenfold_core.datasets import fingerprint\n"
        "assert all(map(callable, (environment, progress, report, fingerprint)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_stub_and_runtime_name_the_same_things():
    for sub_package in SUB_PACKAGES:
        module = importlib.import_module(f"tenfold_core.{sub_package}")
        stub = Path(module.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
        named = {alias.asname for node in ast.walk(ast.parse(stub)) for alias in getattr(node, "names", [])}
        assert named == set(module.__all__) == set(dir(module))
