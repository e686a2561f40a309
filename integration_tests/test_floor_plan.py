"""Someone who knows one package finds their way in the others: the floor plan, checked."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import chain

import pytest

from federation import ROOT, Package, core, packages

FILES = (
    "pyproject.toml README.md CHANGELOG.md LICENSE src/{import_name}/__init__.py src/{import_name}/__init__.pyi "
    "src/{import_name}/cli.py src/{import_name}/demo.py src/{import_name}/speed.py src/{import_name}/py.typed "
    "src/{import_name}/assets/README.md tests/test_cli.py"
).split()
README_SECTIONS = ("Install", "Example", "Command line", "Results", "Limits", "Citation")
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc"}
HEAVY = ("torch", "transformers", "scipy", "sklearn", "matplotlib")
MAX_LINES = 500
EXTRAS = {
    *("flash-attn", "train", "hub", "llm", "onnx", "openvino", "transformers", "triton", "monai", "all"),
    *("tiktoken", "spacy", "langchain", "llama-index", "litellm", "serve", "ray"),
    *("pandas", "evaluate", "torchmetrics", "trl", "baselines", "encoder", "hf", "eval"),
}

every_package = pytest.mark.parametrize("package", packages(), ids=lambda p: p.name)
every_distribution = pytest.mark.parametrize("package", [core(), *packages()], ids=lambda p: p.name)


@every_package
def test_files_are_where_the_plan_says(package: Package):
    missing = [f for f in FILES if not (package.path / f.format(import_name=package.import_name)).is_file()]
    assert not missing


@every_package
def test_licence_is_a_real_copy(package: Package):
    licence = package.path / "LICENSE"
    assert not licence.is_symlink()
    assert licence.read_bytes() == (ROOT / "LICENSE").read_bytes()


@every_package
def test_readme_has_the_named_sections(package: Package):
    text = (package.path / "README.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [name for name in README_SECTIONS if name not in headings] == []


@every_package
def test_page_and_tutorial_exist(package: Package):
    for name in (package.name, f"{package.name}-tutorial"):
        assert (ROOT / "docs" / "packages" / f"{name}.md").is_file(), name


@every_distribution
def test_no_module_is_two_concepts(package: Package):
    lengths = {f.name: len(f.read_text(encoding="utf-8").splitlines()) for f in package.source.rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}


@every_distribution
def test_every_module_is_named_for_a_concept(package: Package):
    assert [f for f in package.source.rglob("*") if f.stem.lower() in VAGUE] == []


@every_package
def test_init_holds_the_lazy_stub_and_the_version_only(package: Package):
    text = (package.source / "__init__.py").read_text(encoding="utf-8")
    assert "attach_stub" in text
    assert not re.search(r"^\s*(def|class) ", text, re.MULTILINE)


@every_package
def test_extras_have_house_names(package: Package):
    assert set(package.metadata["project"].get("optional-dependencies", {})) <= EXTRAS


@every_package
def test_every_dependency_has_a_lower_bound(package: Package):
    project = package.metadata["project"]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [*project["dependencies"], *chain.from_iterable(extras)]
    loose = [r for r in requirements if ">=" not in r and "==" not in r and not r.startswith(package.name)]
    assert loose == []
    assert any(r.startswith("tenfold-core>=0.1,<1") for r in requirements)


@every_package
@pytest.mark.parametrize("action", ["import", "help", "version"])
def test_nothing_heavy_is_loaded_at_the_door(package: Package, action: str):
    if action == "import":
        body = f"import {package.import_name}"
    else:
        body = (
            f"from {package.import_name}.cli import main\n"
            f"try: main(['--{action}'])\nexcept SystemExit as stop: assert not stop.code, stop.code"
        )
    program = f"{body}\nimport sys\nprint('heavy:', [m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_the_makefile_stays_short():
    assert len((ROOT / "Makefile").read_text(encoding="utf-8").splitlines()) < 150
