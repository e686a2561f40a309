"""What the documentation shows works: docstring examples and the README's code."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tenfold_core

MODULES = [module.name for module in pkgutil.walk_packages(tenfold_core.__path__, "tenfold_core.")]
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("code", BLOCKS)
def test_readme_code_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


def test_there_are_examples_to_run():
    count = sum(len(doctest.DocTestFinder().find(importlib.import_module(name), name)) > 0 for name in MODULES)
    assert count > 10
    assert BLOCKS


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_what_they_are_and_stay_short(name):
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(Path(module.__file__).read_text(encoding="utf-8").splitlines()) < 500
