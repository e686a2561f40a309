"""The documentation site of the house. A package appears here because its folder exists."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "integration_tests"))

from checks import compatibility  # noqa: E402
from federation import core, packages  # noqa: E402

project = "Tenfold"
author = "The Tenfold authors"
copyright = "The Tenfold authors, Apache-2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "Tenfold"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
suppress_warnings = ["ref.python"]  # a record re-exported by its package has two homes


def write(page: Path, text: str) -> None:
    """Only when it changed, so that an incremental build stays one."""
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def write_api_pages() -> None:
    """One generated page per package: everything that its public stub names, from the docstrings."""
    folder = HERE / "packages" / "api"
    folder.mkdir(exist_ok=True)
    for package in [core(), *packages()]:
        title = f"{package.name}: API"
        if package.name == core().name:
            modules = [f"{package.import_name}.{name}" for name in ("logging", "datasets", "metrics")]
        else:
            modules = [package.import_name]
        lines = [title, "=" * len(title), ""]
        for module in modules:
            lines += [f".. automodule:: {module}", "   :members:", "   :imported-members:", ""]
        write(folder / f"{package.name}.rst", "\n".join(lines))


write_api_pages()
write(HERE / "compatibility.md", compatibility())
