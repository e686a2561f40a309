"""One sha256 for a set of named arrays: how an adapter knows the backbone it was made for."""

import hashlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def fingerprint(arrays: Mapping[str, Any]) -> str:
    """Identify named arrays by their names, dtypes, shapes and bytes.

    A tensor and the array of the same numbers have the same fingerprint, on any device, in any memory layout and
    order of the mapping.  Equality is of bytes: 0.0 and -0.0 differ.

    Args:
        arrays: name -> NumPy array or torch tensor (any shape and dtype with plain numbers, bfloat16 and float8 too),
            such as `model.state_dict()`.  At least one.

    Returns:
        64 hexadecimal digits.

    Raises:
        TypeError: a name that is no string, or a value that is no array of numbers.
        ValueError: no arrays, or a tensor without data (on the `meta` device).

    Example:
        >>> import numpy as np
        >>> fingerprint({"weight": np.zeros(3, np.float32)})[:12]
        '1e261b3c27cb'
    """
    if not arrays:
        raise ValueError("arrays is empty: there is nothing to identify")
    for name in arrays:
        if not isinstance(name, str):
            raise TypeError(f"arrays must be keyed by strings, got the key {name!r}")
    digest = hashlib.sha256(b"tenfold fingerprint 1\n")
    for name in sorted(arrays):
        dtype, shape, content = _described(name, arrays[name])
        # Lengths come first, so that no two mappings can give the same stream of bytes.
        header = f"{len(name.encode())}:{name}:{dtype}:{','.join(map(str, shape))}:{content.nbytes}\n"
        digest.update(header.encode())
        digest.update(content.data)
    return digest.hexdigest()


def _described(name: str, value: Any) -> "tuple[str, tuple[int, ...], npt.NDArray[np.uint8]]":
    """The dtype's name, the shape, and the bytes in row order."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _described_tensor(name, value, torch)
    import numpy as np

    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError(f"arrays[{name!r}] must be a NumPy array or a torch tensor, got {type(value).__name__}")
    array = np.asarray(value)
    # ml_dtypes registers bfloat16 and float8 with kind "V" or "f"; a true void has the name "void...".
    if array.dtype.hasobject or array.dtype.kind in "OSUMm" or array.dtype.name.startswith("void"):
        raise TypeError(f"arrays[{name!r}] must hold numbers, got dtype {array.dtype}")
    if array.dtype.char in "gG":
        raise TypeError(f"arrays[{name!r}] has dtype {array.dtype}, whose padding bytes are arbitrary: use float64")
    if array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and sys.byteorder == "big"):
        array = array.astype(array.dtype.newbyteorder("<"))
    return array.dtype.name, array.shape, np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _described_tensor(name: str, tensor: Any, torch: Any) -> "tuple[str, tuple[int, ...], npt.NDArray[np.uint8]]":
    if tensor.is_meta:
        raise ValueError(f"arrays[{name!r}] is on the meta device and has no data to identify")
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise TypeError(f"arrays[{name!r}] must be a dense tensor, got {tensor.layout}, {tensor.dtype}")
    dense = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    # As bytes, because NumPy has no bfloat16; flattened, because torch views no 0-d tensor as another width.
    flat = dense.reshape(-1)
    content = (flat.view(torch.uint8) if flat.numel() else flat.to(torch.uint8)).numpy()
    return str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape), content
