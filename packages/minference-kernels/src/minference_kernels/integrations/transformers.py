"""``attn_implementation="minference"`` for every model that uses transformers' attention interface.

Prefill of long sequences runs through `pattern_attention`, sequence by sequence; decode and short calls run dense.
Features without a sparse form (the caller's 4D masks, dropout, attention weights, position biases, bidirectional or
cross attention) run dense and correct, with one warning per model where a user might expect otherwise.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from warnings import warn

import torch

from minference_kernels.attention import add_sinks, sparse_attention
from minference_kernels.config import MInferenceConfig
from minference_kernels.dense import dense_attention
from minference_kernels.estimators.registry import estimate
from minference_kernels.index import SparseIndex
from minference_kernels.inputs import MAX_HEAD_DIM
from minference_kernels.integrations import masks
from minference_kernels.integrations.masked import masked_attention
from minference_kernels.patterns import AShape, Pattern

NAME = "minference"
Observer = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor, SparseIndex, torch.Tensor, torch.Tensor], None]
_observers: list[Observer] = []


def register() -> None:
    """Make "minference" known to transformers' attention and mask interfaces."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    AttentionInterface.register(NAME, minference_attention)
    AttentionMaskInterface.register(NAME, masks.minference_mask)


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Call ``observer(layer, q, k, v, index, out, lse)`` after every sparse call inside the block ([1, H, N, d])."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def minference_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attention function for ``AttentionInterface``: query [B, Hq, Nq, d] -> ([B, Nq, Hq, d], weights or None)."""
    num_queries = query.shape[2]
    scale = query.shape[3] ** -0.5 if scaling is None else float(scaling)
    causal = bool(is_causal if is_causal is not None else getattr(module, "is_causal", True))
    if attention_mask is not None and attention_mask.ndim == 2 and attention_mask.shape[1] < key.shape[2]:
        key, value = (t[:, :, : attention_mask.shape[1]] for t in (key, value))  # a static cache's unused tail
    window = sliding_window if sliding_window is not None and sliding_window < key.shape[2] else None

    reason = None
    if attention_mask is not None and attention_mask.ndim == 4 and num_queries > 1:
        reason = "a four-dimensional attention mask"
    elif kwargs.get("output_attentions"):
        reason = "output_attentions=True"
    elif dropout:
        reason = "attention dropout"
    elif position_bias is not None:
        reason = "a position bias"
    elif num_queries > 1 and (value.shape[3] != query.shape[3] or query.shape[3] > MAX_HEAD_DIM):
        reason = f"head dimensions {query.shape[3]} (queries) and {value.shape[3]} (values)"
    if reason is not None:
        _warn_once(module, f"{reason} has no sparse form; these layers run dense")
    elif num_queries > 1 and causal:
        key, value = key.to(query.dtype), value.to(query.dtype)
        segments = _segments(query, key, attention_mask, kwargs)
        out = _prefill(module, query, key, value, segments, scale, window, softcap, s_aux)
        return out.transpose(1, 2).contiguous(), None
    if num_queries == 1 and window is not None:  # decode past the window: what lies before it is not read at all
        key, value = key[:, :, -window:], value[:, :, -window:]
        attention_mask = None if attention_mask is None else attention_mask[..., -window:]
        window = None
    mask = masks.as_4d(attention_mask, num_queries, key.shape[2], causal, window, query.device)
    out, weights = masked_attention(
        query, key, value, mask, scale=scale, softcap=softcap, sinks=s_aux, position_bias=position_bias,
        dropout=dropout, return_weights=bool(kwargs.get("output_attentions")),
    )  # fmt: skip
    return out.transpose(1, 2).contiguous(), weights


def _segments(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None, kwargs: dict[str, Any]
) -> list[masks.Segment] | None:
    """The sequences in the batch, or None when every row of it is one whole sequence."""
    cu_q, cu_k = kwargs.get("cu_seq_lens_q"), kwargs.get("cu_seq_lens_k")
    if cu_q is not None and cu_k is not None and query.shape[0] == 1:
        return masks.varlen_segments(cu_q, cu_k)
    if mask is not None and mask.dtype == torch.bool:
        return None if bool(mask.all()) else masks.padded_segments(mask, query.shape[2])
    numbers = mask
    if numbers is None and query.shape[2] == key.shape[2]:
        numbers = masks.restarts(kwargs.get("position_ids"), query.shape[2])
    if numbers is None:
        return None
    return masks.packed_segments(numbers.expand(query.shape[0], -1))


def _prefill(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    segments: list[masks.Segment] | None,
    scale: float,
    window: int | None,
    softcap: float | None,
    sinks: torch.Tensor | None,
) -> torch.Tensor:
    config, row = _configuration(module, query.shape[1])

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return _attend(_layer(module), q, k, v, config, row, scale, window, softcap, sinks)

    if segments is None:
        return attend(query, key, value)
    out = torch.zeros_like(query)
    for segment in segments:
        b = slice(segment.batch, segment.batch + 1)
        part = attend(query[b, :, segment.rows], key[b, :, segment.keys], value[b, :, segment.keys])
        # index_put in the form that autograd follows
        out = out.clone() if part.requires_grad else out
        out[segment.batch, :, segment.rows] = part[0]
    return out


def _attend(
    layer: int,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    config: MInferenceConfig,
    row: Sequence[Pattern],
    scale: float,
    window: int | None,
    softcap: float | None,
    sinks: torch.Tensor | None,
) -> torch.Tensor:
    patterns: Pattern | Sequence[Pattern] = row
    if window is not None and window < k.shape[2]:
        patterns = AShape(0, window)  # the layer's own window, exactly
    elif layer < config.starting_layer or config.stays_dense(q.shape[2], k.shape[2], q.device.type):
        out, lse = dense_attention(q, k, v, scale=scale, softcap=softcap, return_lse=sinks is not None)
        if sinks is None:
            return out
        assert lse is not None
        return add_sinks(out, lse, sinks)[0]
    index = estimate(q, k, patterns, scale=scale, softcap=softcap)
    result = sparse_attention(q, k, v, index, scale, bool(_observers), config.backend, softcap=softcap, sinks=sinks)
    if not isinstance(result, tuple):
        return result
    for observer in _observers:
        observer(layer, q, k, v, index, *result)
    return result[0]


# ---- configuration of a module ------------------------------------------------------------------------------------


def _layer(module: torch.nn.Module) -> int:
    return int(getattr(module, "layer_idx", None) or 0)


def _configuration(module: torch.nn.Module, num_heads: int) -> tuple[MInferenceConfig, tuple[Pattern, ...]]:
    """The model's configuration and this layer's patterns, parsed again only when the plain form has changed."""
    plain = getattr(module.config, NAME, None)
    if isinstance(plain, MInferenceConfig):
        plain = plain.to_dict()
    layer = _layer(module)
    table = plain.get("layers") if isinstance(plain, dict) else None
    own = table[layer] if isinstance(table, (list, tuple)) and layer < len(table) else None
    rest = {name: entry for name, entry in plain.items() if name != "layers"} if isinstance(plain, dict) else plain
    snapshot = repr((rest, own, num_heads))
    kept = module.__dict__.get("_minference_parsed")
    if kept is None or kept[0] != snapshot:
        config = MInferenceConfig.uniform() if plain is None else MInferenceConfig.from_dict(plain)
        kept = snapshot, config, config.patterns_for(layer, num_heads, _rank(module, config, num_heads))
        module.__dict__["_minference_parsed"] = kept
    return kept[1], kept[2]


def _rank(module: torch.nn.Module, config: MInferenceConfig, num_heads: int) -> int:
    """This process's place among those that share the heads (0 without tensor parallelism)."""
    if config.layers is None or len(config.layers[0]) <= num_heads or not torch.distributed.is_initialized():
        return 0
    weight = getattr(getattr(module, "q_proj", None), "weight", None)
    mesh = getattr(weight, "device_mesh", None)  # a DTensor knows its own mesh; otherwise ranks are dealt in order
    rank = mesh.get_local_rank() if mesh is not None else torch.distributed.get_rank()
    return int(rank) % (len(config.layers[0]) // num_heads)


_warned: dict[int, tuple[weakref.ref[Any], set[str]]] = {}


def _warn_once(module: torch.nn.Module, message: str) -> None:
    """Warn once per model (that is, per configuration object) and message."""
    config = getattr(module, "config", module)
    known = _warned.get(id(config))
    if known is None or known[0]() is not config:
        known = _warned[id(config)] = (weakref.ref(config), set())
    if message not in known[1]:
        known[1].add(message)
        warn(f"minference: {message}", UserWarning, stacklevel=3)
