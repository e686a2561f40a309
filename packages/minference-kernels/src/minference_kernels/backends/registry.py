"""The one door through which backends are found, chosen and explained.

``auto`` takes the first backend, in order of preference, that is available and announces what the call needs; the
environment variable ``MINFERENCE_BACKEND`` replaces ``auto``. A backend named explicitly is used or refused with the
reason, never replaced.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from tenfold_core.logging import get_logger

if TYPE_CHECKING:
    import torch

    from minference_kernels.backends.capabilities import Backend

_log = get_logger(__name__)

# In order of preference: name -> module or object path. `register_backend` puts new ones in front.
_BACKENDS: dict[str, str | Backend] = {
    "native": "minference_kernels.native",
    "torch": "minference_kernels.backends.reference",
}
_told: set[str] = set()


@dataclass(frozen=True)
class Needs:
    """What a call asks of a backend."""

    device: str
    dtype: torch.dtype
    head_dim: int
    backward: bool = False
    softcap: bool = False


@dataclass(frozen=True)
class Explanation:
    """Which backend a call gets, and for every backend why it was taken or passed over."""

    chosen: str
    reasons: dict[str, str]

    def __str__(self) -> str:
        return "\n".join(f"{'->' if name == self.chosen else '  '} {name}: {why}" for name, why in self.reasons.items())


def register_backend(name: str, backend: str | Backend) -> None:
    """Add a backend (an object, or the path of a module, with the members of `capabilities.Backend`), preferred over
    those already there. Raises ValueError if the name is taken."""
    if name in _BACKENDS or name == "auto":
        raise ValueError(f"backend {name!r} is already registered; known: {', '.join(_BACKENDS)}")
    rest = dict(_BACKENDS)
    _BACKENDS.clear()
    _BACKENDS.update({name: backend, **rest})


def backend_names() -> tuple[str, ...]:
    """Registered names, most preferred first."""
    return tuple(_BACKENDS)


def get_backend(name: str) -> Backend:
    """The backend called `name`, loaded. Raises ValueError for an unknown name."""
    if name not in _BACKENDS:
        raise ValueError(f"unknown backend {name!r}; accepted: auto, {', '.join(_BACKENDS)}")
    backend = _BACKENDS[name]
    if isinstance(backend, str):
        backend = _BACKENDS[name] = cast("Backend", import_module(backend))
    return backend


def requested_name(backend: str) -> tuple[str, str]:
    """The name asked for, and by what: the argument `backend`, or for ``"auto"`` the environment if it is set."""
    named = os.environ.get("MINFERENCE_BACKEND", "auto") if backend == "auto" else "auto"
    return (backend, "backend") if named == "auto" else (named, "MINFERENCE_BACKEND")


def choose(needs: Needs, requested: str = "auto") -> tuple[Backend, Explanation]:
    """Pick the backend for `needs`. Raises ValueError when the one asked for cannot serve them."""
    requested, source = requested_name(requested)
    if requested != "auto":
        backend = get_backend(requested)
        fits, why = _fits(backend, needs)
        if not fits:
            raise ValueError(f"{source}={requested!r} cannot serve this call: {why}")
        return backend, Explanation(requested, {requested: f"asked for by {source}; {why}"})
    reasons: dict[str, str] = {}
    chosen: Backend | None = None
    for name in _BACKENDS:
        backend = get_backend(name)
        fits, why = _fits(backend, needs)
        if fits and chosen is None:
            chosen, reasons[name] = backend, why
        else:
            reasons[name] = f"not needed, {chosen.name} is preferred; {why}" if chosen and fits else why
    if chosen is None:
        raise ValueError(f"no backend can serve {needs}: {reasons}")
    return chosen, Explanation(chosen.name, reasons)


def _fits(backend: Backend, needs: Needs) -> tuple[bool, str]:
    usable, why = backend.available()
    if not usable:
        if backend.name not in _told:
            _told.add(backend.name)
            _log.warning("backend %s is not available here: %s", backend.name, why)
        return False, f"not available: {why}"
    can = backend.capabilities()
    if can.devices is not None and needs.device not in can.devices:
        return False, f"runs on {', '.join(sorted(can.devices))}, not {needs.device}"
    if needs.dtype not in can.dtypes:
        return False, f"takes {', '.join(sorted(str(d) for d in can.dtypes))}, not {needs.dtype}"
    if not can.min_head_dim <= needs.head_dim <= can.max_head_dim:
        return False, f"takes head dimensions {can.min_head_dim} to {can.max_head_dim}, not {needs.head_dim}"
    if needs.backward and not can.backward:
        return False, "has no backward pass and an input requires grad"
    if needs.softcap and not can.softcap:
        return False, "has no logit softcap"
    return True, why
