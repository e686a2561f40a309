"""A package's `__init__.pyi` is the snapshot of its public API: what it names is there, documented, and all there is."""

from __future__ import annotations

import ast
import importlib
import inspect

import pytest

from federation import Package, core, packages


def stub_names(package: Package) -> set[str]:
    tree = ast.parse((package.source / "__init__.pyi").read_text(encoding="utf-8"))
    imported = (
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    )
    return {name for name in imported if not name.startswith("_")}


every_package = pytest.mark.parametrize("package", packages(), ids=lambda p: p.name)


@every_package
def test_stub_and_module_name_the_same_things(package: Package):
    module = importlib.import_module(package.import_name)
    assert set(module.__all__) - {"__version__"} == stub_names(package)
    assert set(dir(module)) >= stub_names(package)


@every_package
def test_every_public_name_exists_and_is_documented(package: Package):
    module = importlib.import_module(package.import_name)
    for name in sorted(stub_names(package)):
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            assert inspect.getdoc(thing), f"{package.import_name}.{name} has no docstring"


@pytest.mark.parametrize("package", [core(), *packages()], ids=lambda p: p.name)
def test_version_is_the_metadata_version(package: Package):
    assert importlib.import_module(package.import_name).__version__ == package.version
