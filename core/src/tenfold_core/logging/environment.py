"""What a result was computed with: interpreter, machine, and the versions that matter."""

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_ENGINES = ("torch", "triton", "transformers", "onnxruntime", "openvino", "jax")
"""Named whenever they are loaded: another version of these can change a number or a speed."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def environment(*packages: str) -> dict[str, Any]:
    """Describe the software and the machine, for manifests and files of results.

    Args:
        packages: distributions to name besides the usual ones, such as the peer of a comparison.

    Returns:
        `python`, `platform`, `machine`, `cpu` (model), `cpu_count` (processors this process may use), `threads` (of
        NumPy's and torch's pools, where set or known), `gpu` (names, only where torch uses one already), and
        `packages`: versions of tenfold-core, of every loaded package built on it, of what these require (if
        installed), of torch and its like where loaded, and of `packages`.  No host name, user name or path.

    Raises:
        importlib.metadata.PackageNotFoundError: one of `packages` is not installed.
    """
    described: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _processor(),
        "cpu_count": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": _threads(),
    }
    gpus = _gpus()
    if gpus:
        described["gpu"] = gpus
    versions = {name: metadata.version(name) for name in packages} | _relevant_versions()
    described["packages"] = dict(sorted(versions.items()))
    return described


def _processor() -> str:
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        match = None
    return match[1].strip() if match else platform.processor()


def _threads() -> dict[str, int]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    threads = {name: int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()}
    if "torch" in sys.modules:
        threads["torch"] = sys.modules["torch"].get_num_threads()
    return threads


def _gpus() -> list[str]:
    torch = sys.modules.get("torch")
    # Asking earlier would start CUDA in this process, which then could not fork workers.
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _relevant_versions() -> dict[str, str]:
    """Versions of the loaded packages that stand on tenfold-core, of everything they require, and of engines."""
    relevant = {"tenfold-core", *(name for name in _ENGINES if name in sys.modules)}
    for module in {name.partition(".")[0] for name in list(sys.modules)} - sys.stdlib_module_names:
        requirements = _requirements(module.replace("_", "-"))
        if "tenfold-core" in requirements:
            relevant |= {module.replace("_", "-"), *requirements}
    relevant |= _requirements("tenfold-core")
    return {name: version for name in relevant if (version := _version(name)) is not None}


def _requirements(distribution: str) -> set[str]:
    try:
        lines = metadata.requires(distribution) or []
    except (metadata.PackageNotFoundError, ValueError):
        return set()
    matches = (_NAME.match(line) for line in lines)
    return {match[0].lower().replace("_", "-") for match in matches if match}


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
