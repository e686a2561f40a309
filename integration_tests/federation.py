"""The one engine behind `make` and the CI matrix: it finds, builds, isolates and runs the packages of the house.

Nothing here is told which packages exist: a folder under `packages/` with a `pyproject.toml` is a package, and
everything (tests, demos, checks, the docs, the CI matrix) follows from that. Only the standard library is used,
because this runs before anything is installed; `uv` is the single program it expects beside its own interpreter.

    python integration_tests/federation.py --help
"""

from __future__ import annotations

import argparse
import datetime
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".envs"
CONSTRAINTS = ROOT / "integration_tests" / "constraints.txt"
PINS = ROOT / "integration_tests" / "pins.txt"
DEMO_RUNS = ROOT / "runs" / "demo"
RUNNER = ("pytest>=8.3", "pytest-xdist>=3.6", "pytest-markdown-docs>=0.9")  # what runs tests and documents anywhere
SOURCE_DATE_EPOCH = "1767225600"  # 2026-01-01: the same wheel, byte for byte, whoever builds it


@dataclass(frozen=True, eq=False)
class Package:
    """One independently installable distribution of the house."""

    path: Path
    metadata: dict

    @property
    def name(self) -> str:
        return self.metadata["project"]["name"]

    @property
    def version(self) -> str:
        return self.metadata["project"]["version"]

    @property
    def import_name(self) -> str:
        return self.metadata["tool"]["poetry"]["packages"][0]["include"]

    @property
    def command(self) -> str | None:
        return next(iter(self.metadata["project"].get("scripts", {})), None)

    @property
    def source(self) -> Path:
        return self.path / "src" / self.import_name

    @property
    def wheel(self) -> Path:
        """The wheel of this version; `build` puts it there."""
        return self.path / "dist" / f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"

    @property
    def groups(self) -> list[str]:
        return list(self.metadata.get("dependency-groups", {}))

    @property
    def demo_requirement(self) -> str:
        """The wheel, with the extras that `[tool.tenfold] demo-extras` says its demo needs (most need none)."""
        extras = ",".join(self.metadata["tool"].get("tenfold", {}).get("demo-extras", []))
        return f"{self.name}[{extras}] @ {self.wheel.as_uri()}"

    def documents(self) -> list[Path]:
        """The Markdown whose code blocks must run: README, page and tutorial."""
        pages = [self.path / "README.md", *sorted((ROOT / "docs" / "packages").glob(f"{self.name}*.md"))]
        return [page for page in pages if page.exists()]


def read_package(path: Path) -> Package:
    return Package(path, tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8")))


def core() -> Package:
    return read_package(ROOT / "core")


def packages(names: Sequence[str] = ()) -> list[Package]:
    """All packages in the order of their names, or those named."""
    found = {p.name: p for p in map(read_package, sorted(f.parent for f in ROOT.glob("packages/*/pyproject.toml")))}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise SystemExit(f"no package named {', '.join(unknown)}; there are: {', '.join(found)}")
    return [found[name] for name in (names or found)]


# --- running programs -------------------------------------------------------------------------------------------------


def run(command: Iterable[str | Path], *, env: dict[str, str] | None = None, check: bool = True, **options) -> int:
    """Run a program from the root of the house; on failure say which one, and stop unless `check` is off."""
    line = [str(part) for part in command]
    code = subprocess.run(line, cwd=options.pop("cwd", ROOT), env={**os.environ, **(env or {})}, **options).returncode
    if code and check:
        raise SystemExit(f"failed with exit code {code}: {' '.join(line)}")
    return code


def uv(*arguments: str | Path) -> None:
    run([sys.executable, "-m", "uv", "--quiet", *arguments], env={"UV_LINK_MODE": "hardlink"})


def offline_environment() -> dict[str, str]:
    """What every test run sees: one thread a process, no hub, no progress bars, and the data folder if there is one."""
    env = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TENFOLD_QUIET": "1", "TOKENIZERS_PARALLELISM": "false"}
    beside = ROOT.parent / "shared" / "data"
    if "TENFOLD_DATA" not in os.environ and beside.is_dir():
        env["TENFOLD_DATA"] = str(beside)
    return env


class Environment:
    """A virtual environment under `.envs/`, made anew so that it holds only what was asked for."""

    def __init__(self, name: str, *, keep: bool = False) -> None:
        self.path = ENVIRONMENTS / name
        if not (keep and self.python.exists()):
            uv("venv", "--clear", "--python", os.environ.get("TENFOLD_PYTHON", sys.executable), self.path)

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    def install(self, *requirements: str | Path, options: Sequence[str] = (), constrained: bool = True) -> None:
        pinned = ["--constraint", str(CONSTRAINTS)] if constrained and CONSTRAINTS.exists() else []
        uv("pip", "install", "--python", self.python, *pinned, *options, *requirements)

    def run(self, *command: str | Path, **options) -> int:
        """Run a program of this environment, `python` included."""
        path = f"{self.path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        env = {"PATH": path, "VIRTUAL_ENV": str(self.path), **options.pop("env", {})}
        return run([self.path / "bin" / str(command[0]), *command[1:]], env=env, **options)


def group_options(package: Package, groups: Iterable[str]) -> list[str]:
    return [part for group in groups for part in ("--group", f"{package.path / 'pyproject.toml'}:{group}")]


def tools_environment() -> Environment:
    """Linters, type checker, docs and Poetry, with every package in editable form for them to look at."""
    environment = Environment("tools")
    options = ["--group", f"{ROOT / 'pyproject.toml'}:tools"]
    editable: list[str | Path] = ["--editable", ROOT / "core"]
    for package in packages():
        editable += ["--editable", package.path]
        options += group_options(package, ["test"])
    environment.install(*editable, options=options)
    return environment


def build(chosen: Iterable[Package]) -> None:
    """Build the wheel of the core and of each package given, with Poetry, into its `dist/`."""
    poetry = Environment("poetry", keep=True)
    poetry.install("poetry")
    for package in [core(), *chosen]:
        shutil.rmtree(package.path / "dist", ignore_errors=True)
        env = {"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, "POETRY_VIRTUALENVS_CREATE": "false"}
        poetry.run("poetry", "build", "--quiet", "--no-interaction", "--directory", package.path, env=env)
        if not package.wheel.exists():
            raise SystemExit(f"poetry did not write {package.wheel.relative_to(ROOT)}")


# --- tests ------------------------------------------------------------------------------------------------------------


@dataclass
class Count:
    """What one pytest run reported, read from its JUnit file."""

    label: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @classmethod
    def read(cls, label: str, junit: Path, exit_code: int) -> Count:
        if not junit.exists():
            return cls(label, failed=1)
        suites = list(ElementTree.parse(junit).getroot().iter("testsuite"))
        total, failures, errors, skipped = (
            sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
        )
        failed = failures + errors
        passed = total - failed - skipped
        # A crash, an interrupt or an empty collection must not look like success.
        return cls(label, passed, max(failed, 1 if exit_code else 0), skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def pytest(environment: Environment, label: str, arguments: Sequence[str | Path]) -> Count:
    junit = ENVIRONMENTS / "reports" / f"{label.replace(' ', '-')}.xml"
    junit.parent.mkdir(parents=True, exist_ok=True)
    junit.unlink(missing_ok=True)
    command = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={junit}", *arguments]
    code = environment.run(*command, env=offline_environment(), check=False)
    return Count.read(label, junit, code)


def test_package(package: Package, mode: str) -> Count:
    """Install the wheel into an empty environment and run the package's own tests and documents there.

    `mode`: "pinned" (the constraints), "latest" (no constraints) or "lowest" (the oldest direct dependencies that the
    metadata allows; the peers that tests compare with are left out, since they bring requirements of their own).
    """
    print(f"== {package.name}: tests, {mode} dependencies", flush=True)
    environment = Environment(f"test-{package.name}-{mode}")
    groups = [group for group in package.groups if not (mode == "lowest" and group == "peers")]
    options = group_options(package, groups)
    if mode == "lowest":
        options += ["--resolution", "lowest-direct"]
    environment.install(core().wheel, package.wheel, *RUNNER, options=options, constrained=mode == "pinned")
    selection = ["-m", "not peer and not gpu and not hub" if mode == "lowest" else "not gpu and not hub"]
    documents = ["--markdown-docs", *package.documents()] if package.name != core().name else []
    label = package.name if mode == "pinned" else f"{package.name} {mode}"
    return pytest(environment, label, ["-n", "2", *selection, package.path / "tests", *documents])


def integration() -> Count:
    """All wheels in one environment under the constraints: do they live together, and do they work together?"""
    print("== integration", flush=True)
    environment = Environment("together")
    chosen = packages()
    options = [part for package in chosen for part in group_options(package, ["test"])]
    environment.install(core().wheel, *(package.wheel for package in chosen), *RUNNER, options=options)
    uv("pip", "check", "--python", environment.python)
    return pytest(environment, "integration", ["integration_tests"])


def summarise(counts: Sequence[Count]) -> int:
    """One line a package, then the total; the exit code is 1 if anything failed."""
    width = max(len(count.label) for count in counts)
    print()
    for count in counts:
        print(f"{count.label:<{width}}  {count}")
    total = Count("total", *(sum(getattr(c, key) for c in counts) for key in ("passed", "failed", "skipped")))
    print(f"total: {total}", flush=True)
    return 1 if total.failed else 0


def command_test(arguments: argparse.Namespace) -> int:
    everything = not arguments.packages
    chosen = packages([name for name in arguments.packages if name != core().name])
    if arguments.packages == [core().name]:
        chosen = []
    build(packages() if everything and arguments.mode == "pinned" else chosen)
    with_core = everything or core().name in arguments.packages
    counts = [test_package(package, arguments.mode) for package in ([core()] if with_core else []) + chosen]
    if everything and arguments.mode == "pinned":
        counts.append(integration())
    return summarise(counts)


def command_integration(arguments: argparse.Namespace) -> int:
    build(packages())
    return summarise([integration()])


# --- demos ------------------------------------------------------------------------------------------------------------


def command_demo(arguments: argparse.Namespace) -> int:
    """Each package's wheel alone in an environment, its `demo` run there; then a table and one page of links."""
    chosen = packages(arguments.packages)
    print("building the wheels", flush=True)
    build(chosen)
    results = []
    for number, package in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {package.name}: demo", flush=True)
        environment = Environment(f"demo-{package.name}")
        environment.install(core().wheel, package.demo_requirement)
        target = DEMO_RUNS / package.name
        shutil.rmtree(target, ignore_errors=True)
        code = environment.run(
            package.command or package.name, "demo", "--output", target, check=False, stdout=subprocess.DEVNULL
        )
        result = json.loads((target / "result.json").read_text(encoding="utf-8")) if code == 0 else {}
        results.append((package, code, result.get("headline", f"failed with exit code {code}")))
    DEMO_RUNS.mkdir(parents=True, exist_ok=True)
    (DEMO_RUNS / "index.html").write_text(demo_index(results), encoding="utf-8")
    width = max(len(package.name) for package, _, _ in results)
    print()
    for package, _, headline in results:
        print(f"{package.name:<{width}}  {headline}")
    print(f"\nreports: {(DEMO_RUNS / 'index.html').relative_to(ROOT)}")
    return max(code != 0 for _, code, _ in results)


def demo_index(results: Sequence[tuple[Package, int, str]]) -> str:
    rows = "\n".join(
        f"<li><h2>{html.escape(package.name)}</h2><p>{html.escape(package.metadata['project']['description'])}</p>"
        f"<p class=headline>{html.escape(headline)}</p>"
        + (f'<p><a href="{package.name}/report.html">the report</a></p>' if code == 0 else "<p>no report</p>")
        + "</li>"
        for package, code, headline in results
    )
    style = (
        ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;"
        "padding:0 1rem}ul{list-style:none;padding:0}li{border-top:1px solid #8886;padding:.4rem 0}h2{font-size:1.1rem;"
        "margin:.6rem 0 0}p{margin:.2rem 0}.headline{font-weight:600}"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Tenfold: demos</title><style>{style}</style><body><h1>Tenfold: demos</h1>"
        f"<p>{datetime.date.today().isoformat()}, one report a package, each made offline on this machine.</p>"
        f"<ul>\n{rows}\n</ul></body></html>\n"
    )


# --- upkeep -----------------------------------------------------------------------------------------------------------


def command_lock(arguments: argparse.Namespace) -> int:
    """Write the one set of pinned versions that works together (every package, every extra, tests, peers and tools)."""
    everything = [core(), *packages()]
    build(packages())
    groups = [part for package in everything for part in group_options(package, package.groups)]
    with tempfile.TemporaryDirectory() as folder:
        # The wheels by path, so that no package of the same name elsewhere can be meant.
        wanted = Path(folder) / "wheels.in"
        extras = {p: ",".join(p.metadata["project"].get("optional-dependencies", {})) for p in everything}
        wanted.write_text("".join(f"{p.name}[{extras[p]}] @ {p.wheel.as_uri()}\n" for p in everything))
        uv(
            *("pip", "compile", "--universal", "--python-version", "3.11", wanted, *groups),
            *("--group", f"{ROOT / 'pyproject.toml'}:tools", "--constraint", PINS, "--upgrade"),
            *(part for package in everything for part in ("--no-emit-package", package.name)),
            *("--no-annotate", "--no-header", "--output-file", CONSTRAINTS),
        )
    head = f"# The pinned set that works together. `make lock` writes it; {PINS.name} holds what is chosen by hand.\n"
    CONSTRAINTS.write_text(head + CONSTRAINTS.read_text(encoding="utf-8"), encoding="utf-8")
    return 0


def command_dev(arguments: argparse.Namespace) -> int:
    """An editable install of the packages named, with their tests' needs, in `.envs/dev-<package>`."""
    for package in packages(arguments.packages):
        environment = Environment(f"dev-{package.name}", keep=True)
        options = group_options(package, package.groups)
        environment.install("--editable", ROOT / "core", "--editable", package.path, options=options)
        print(f"{package.name}: source {environment.path.relative_to(ROOT)}/bin/activate")
    return 0


def command_results(arguments: argparse.Namespace) -> int:
    """Run every script of `benchmarks/`, then put its table into the README."""
    from checks import write_tables

    for package in packages(arguments.packages):
        command_dev(argparse.Namespace(packages=[package.name]))
        environment = Environment(f"dev-{package.name}", keep=True)
        for script in sorted((package.path / "benchmarks").glob("bench_*.py")):
            print(f"{package.name}: {script.name}", flush=True)
            environment.run("python", script, env={k: v for k, v in offline_environment().items() if "QUIET" not in k})
        write_tables(package)
    return 0


def command_speed(arguments: argparse.Namespace) -> int:
    """The timing beside a named peer, from the checkout."""
    for package in packages(arguments.packages):
        command_dev(argparse.Namespace(packages=[package.name]))
        Environment(f"dev-{package.name}", keep=True).run(package.command or package.name, "speed")
    return 0


def command_check(arguments: argparse.Namespace) -> int:
    from checks import check

    return check(tools_environment())


def command_docs(arguments: argparse.Namespace) -> int:
    from checks import docs

    docs(tools_environment())
    print("docs: docs/_build/html/index.html")
    return 0


def command_build(arguments: argparse.Namespace) -> int:
    build(packages(arguments.packages))
    for package in [core(), *packages(arguments.packages)]:
        print(package.wheel.relative_to(ROOT))
    return 0


def command_release(arguments: argparse.Namespace) -> int:
    """Check that tag, version and changelog agree, then build that one package twice and compare the bytes."""
    tagged = re.fullmatch(r"(?P<name>.+)-v(?P<version>\d+\.\d+\.\d+\S*)", arguments.tag)
    if not tagged:
        raise SystemExit(f"{arguments.tag!r} is not <package>-vX.Y.Z")
    package = core() if tagged["name"] == core().name else packages([tagged["name"]])[0]
    from checks import changelog_version

    for where, version in (("pyproject.toml", package.version), ("CHANGELOG.md", changelog_version(package))):
        if version != tagged["version"]:
            raise SystemExit(f"the tag says {tagged['version']}, {package.name}'s {where} says {version}")
    builds = []
    for _ in range(2):
        build([] if package.name == core().name else [package])
        builds.append({f.name: f.read_bytes() for f in sorted((package.path / "dist").iterdir())})
    if builds[0] != builds[1]:
        raise SystemExit("two builds of the same source differ")
    target = ROOT / "dist"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(package.path / "dist", target)
    print("\n".join(str(f.relative_to(ROOT)) for f in sorted(target.iterdir())))
    return 0


def command_matrix(arguments: argparse.Namespace) -> int:
    """The package names as one JSON line, for the matrix of the CI workflow."""
    print(json.dumps([package.name for package in packages()]))
    return 0


# What can be asked for, and which of it takes package names.
COMMANDS = {
    "build": (command_build, "wheels of the core and the packages"),
    "check": (command_check, "style, types, contracts, metadata, docs, workflows, tables, versions"),
    "demo": (command_demo, "every demo, a table of headlines, one page of links"),
    "dev": (command_dev, "an editable environment per package"),
    "docs": (command_docs, "the documentation site"),
    "integration": (command_integration, "all wheels together"),
    "lock": (command_lock, "the pinned set that works together"),
    "matrix": (command_matrix, "package names as JSON"),
    "release": (command_release, "check a tag and build its package twice"),
    "results": (command_results, "run the benchmarks and rewrite the README tables"),
    "speed": (command_speed, "timing beside the named peer"),
    "test": (command_test, "build, isolate, test; all: the integration suite too"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (action, summary) in COMMANDS.items():
        sub = commands.add_parser(name, help=summary)
        sub.set_defaults(action=action)
        if name == "release":
            sub.add_argument("tag", help="<package>-vX.Y.Z")
        if name == "test":
            sub.add_argument("--mode", choices=("pinned", "lowest", "latest"), default="pinned")
        if name in ("build", "demo", "dev", "results", "speed", "test"):
            sub.add_argument("packages", nargs="*", help="default: all")
    chosen = parser.parse_args(arguments)
    return chosen.action(chosen)


if __name__ == "__main__":
    sys.exit(main())
