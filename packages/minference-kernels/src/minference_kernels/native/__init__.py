"""The native backend: C++ on the CPU, built on first use (see `build`), called through ctypes (see `binding`)."""

from minference_kernels.native.backend import available, capabilities, forward, name
from minference_kernels.native.binding import ProbeSums, probe

__all__ = ["ProbeSums", "available", "capabilities", "forward", "name", "probe"]
