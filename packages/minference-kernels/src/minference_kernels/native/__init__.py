"""The native backend: C++ on the CPU, built on first use (see `build`), called through ctypes (see `binding`)."""

from minference_kernels.native.backend import available, capabilities, forward, name

__all__ = ["available", "capabilities", "forward", "name"]
