"""What `make check` looks at: style, types, import contracts, metadata, docs, workflows, result tables and versions."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from federation import CONSTRAINTS, ROOT, Environment, Package, core, packages

MARKED = re.compile(r"(<!-- results: (?P<file>[\w.-]+) -->\n)(?P<body>.*?)(<!-- /results -->)", re.DOTALL)


# --- import contracts -------------------------------------------------------------------------------------------------


def contracts() -> str:
    """The import-linter configuration, from the packages that exist: no sibling imports, a free core, no cycles."""
    names = [package.import_name for package in packages()]
    listed = json.dumps(names)
    text = f"[tool.importlinter]\nroot_packages = {json.dumps([core().import_name, *names])}\n"
    text += "exclude_type_checking_imports = true\n"  # an annotation is no dependency at run time
    text += f"""
[[tool.importlinter.contracts]]
name = "the core imports no package"
type = "forbidden"
source_modules = ["{core().import_name}"]
forbidden_modules = {listed}

[[tool.importlinter.contracts]]
name = "inside a package imports point one way"
type = "acyclic_siblings"
ancestors = {json.dumps([core().import_name, *names])}
"""
    if len(names) > 1:
        text += f"""
[[tool.importlinter.contracts]]
name = "no package imports a sibling"
type = "independence"
modules = {listed}
"""
    return text


def check_contracts(tools: Environment) -> None:
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "contracts.toml"
        configuration.write_text(contracts(), encoding="utf-8")
        tools.run("lint-imports", configuration, "--no-cache")


# --- style, types, metadata -------------------------------------------------------------------------------------------


def check_style(tools: Environment) -> None:
    tools.run("ruff", "check", ".")
    tools.run("ruff", "format", "--check", ".")


def check_types(tools: Environment) -> None:
    """Strict on the core and on every public stub; the rest of each package with its bodies checked."""
    tools.run("mypy", "--strict", "-p", core().import_name)
    for package in packages():
        tools.run("mypy", "--strict", "--follow-imports=silent", package.source / "__init__.pyi")
        tools.run("mypy", "--follow-imports=silent", package.source)


def check_metadata(tools: Environment) -> None:
    for package in [core(), *packages()]:
        tools.run("poetry", "check", "--strict", "--quiet", "--directory", package.path)


def changelog_version(package: Package) -> str | None:
    """The newest released version in the changelog (a heading `## [X.Y.Z] - date`)."""
    changelog = package.path / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8") if changelog.exists() else ""
    found = re.search(r"^## \[(\d+\.\d+\.\d+[^\]]*)\]", text, re.MULTILINE)
    return found[1] if found else None


def check_versions(tools: Environment) -> None:
    for package in [core(), *packages()]:
        if changelog_version(package) != package.version:
            raise SystemExit(f"{package.name}: version {package.version}, changelog {changelog_version(package)}")


# --- result tables ----------------------------------------------------------------------------------------------------


def render_table(results: Path) -> str:
    """The Markdown of one results file: its `table`, its caption, and the command that made it."""
    if not results.exists():
        raise SystemExit(f"a README wants a table of {results.relative_to(ROOT)}, which does not exist")
    content = json.loads(results.read_text(encoding="utf-8"))
    table = content["table"]

    def row(cells: list) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    def alignment(column: int) -> str:
        numeric = all(re.match(r"^[-+−]?[\d.]", str(cells[column])) for cells in table["rows"])
        return "---:" if numeric and column else "---"

    marks = "|" + "|".join(alignment(column) for column in range(len(table["columns"]))) + "|"
    lines = [row(table["columns"]), marks, *map(row, table["rows"]), ""]
    note = f"`{content['command']}`"
    lines.append(f"{table['caption']} Made by {note}." if table.get("caption") else f"Made by {note}.")
    return "\n".join(lines) + "\n"


def tables(package: Package) -> tuple[str, str]:
    """The README as it stands, and as the committed results files say that it should stand."""
    text = (package.path / "README.md").read_text(encoding="utf-8")
    folder = package.path / "benchmarks" / "results"
    fresh = MARKED.sub(lambda m: m[1] + "\n" + render_table(folder / m["file"]) + "\n" + m[4], text)
    return text, fresh


def write_tables(package: Package) -> None:
    text, fresh = tables(package)
    if text != fresh:
        (package.path / "README.md").write_text(fresh, encoding="utf-8")


def check_tables(tools: Environment) -> None:
    for package in packages():
        text, fresh = tables(package)
        if text != fresh:
            raise SystemExit(f"{package.name}: a table in README.md is stale; run `make results-{package.name}`")


# --- compatibility page -----------------------------------------------------------------------------------------------


def compatibility() -> str:
    """The page `compatibility.md` of the site: what each package asks for, and what it is tested with."""
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE))
    lines = [
        "# Compatibility",
        "",
        "What each package's metadata allows, beside the version that is tested with all packages in one environment",
        "(`make integration`). The oldest allowed versions run in `make test-lowest-<package>`, the newest in",
        "`make test-latest-<package>`.",
    ]
    for package in [core(), *packages()]:
        project = package.metadata["project"]
        lines += ["", f"## {package.name} {package.version}", "", f"Python {project['requires-python']}", ""]
        lines += ["| dependency | allowed | tested |", "|---|---|---|"]
        for requirement in project["dependencies"]:
            name, allowed = re.match(r"([\w.-]+)\s*(.*)", requirement).groups()
            tested = core().version if name == core().name else pinned.get(name.lower(), "")
            lines.append(f"| {name} | {allowed.strip() or 'any'} | {tested} |")
    return "\n".join(lines) + "\n"


# --- docs and workflows -----------------------------------------------------------------------------------------------


def docs(tools: Environment) -> None:
    """The site, from scratch, with every warning an error."""
    target = ROOT / "docs" / "_build"
    shutil.rmtree(target, ignore_errors=True)
    tools.run("python", "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", target / "html")


def check_workflows(tools: Environment) -> None:
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    tools.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    tools.run("zizmor", "--offline", "--quiet", "--no-progress", ".github/workflows")


CHECKS: dict[str, Callable[[Environment], None]] = {
    "style": check_style,
    "import contracts": check_contracts,
    "metadata": check_metadata,
    "versions": check_versions,
    "result tables": check_tables,
    "workflows": check_workflows,
    "types": check_types,
    "docs": docs,
}


def check(tools: Environment) -> int:
    """Run every check, even after one has failed; the exit code is 1 if any did."""
    failed = []
    for name, action in CHECKS.items():
        print(f"== check: {name}", flush=True)
        try:
            action(tools)
        except SystemExit as error:
            print(error, file=sys.stderr)
            failed.append(name)
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all of ' + ', '.join(CHECKS)}")
    return 1 if failed else 0
