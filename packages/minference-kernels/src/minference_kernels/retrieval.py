"""A Llama whose weights are written down, not trained: it answers key-value questions exactly, at any length.

Prompt ``<bos> k1 v1 k2 v2 ... q`` makes the last position predict the value that followed ``q``. The residual stream is
[current code | previous code | output code | constant | BOS flag], where a token's code is a random unit vector of 56
signs. Three kinds of head do the work, and each needs a different kind of sparsity:

* Layer 0 head 0, a slash: queries and keys read only the constant, and keys carry the rotary phase of one step, so the
  score is ``gain * sum_i cos(w_i (distance - 1))``, highest at distance 1. It copies the previous token's code.
* Layer 1 head 0, content: the query is the current code, the key the previous code, both in the slowest rotary pairs,
  where position does not show. It finds the place after an equal key, anywhere, and copies that token's code.
* Head 1 of both layers, a sink: everything reads the BOS flag.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

CODE = 56
CURRENT, PREVIOUS, OUTPUT = slice(0, CODE), slice(CODE, 2 * CODE), slice(2 * CODE, 3 * CODE)
CONSTANT, FLAG = 3 * CODE, 3 * CODE + 1
HIDDEN, HEADS, HEAD_DIM = 256, 2, 128
ROPE_THETA = 1e10

_PHASE_GAIN = 16.0  # logit per rotary pair of the previous-token head
_MATCH_GAIN = 60.0  # logit of an equal code; unequal codes reach about half of it among 10^4 keys
_SINK_GAIN = 30.0
_OUTPUT_GAIN = 20.0


class RetrievalTokenizer:
    """Words ``w0 ... w{n-1}`` to ids 1 ... n, ``<bos>`` to 0; `encode` puts ``<bos>`` in front."""

    bos_token_id = 0
    eos_token_id = None

    def __init__(self, vocab_size: int) -> None:
        if vocab_size < 2:
            raise ValueError(f"vocab_size must be at least 2 (<bos> and a word), got {vocab_size}")
        self.vocab_size = vocab_size

    def encode(self, text: str) -> list[int]:
        """Ids of the words of `text`, with ``<bos>`` in front. Raises ValueError for a word outside the vocabulary."""
        return [0, *(self._id(word) for word in text.split())]

    def _id(self, word: str) -> int:
        if word[:1] == "w" and word[1:].isdigit() and int(word[1:]) + 1 < self.vocab_size:
            return int(word[1:]) + 1
        raise ValueError(f"{word!r} is not in the vocabulary w0 ... w{self.vocab_size - 2}")

    def decode(self, ids: Any, skip_special_tokens: bool = True) -> str:
        """Words of `ids`."""
        words = ["<bos>" if i == 0 else f"w{i - 1}" for i in map(int, ids)]
        return " ".join(word for word in words if not (skip_special_tokens and word == "<bos>"))


def build_retrieval_llama(
    vocab_size: int = 8192, *, seed: int = 0, attn_implementation: str = "minference"
) -> LlamaForCausalLM:
    """The model in float32 on the CPU, ready to run.

    2 layers, 2 heads of 128, hidden size 256; `vocab_size` includes ``<bos>`` (id 0); `seed` draws the codes. Raises
    ImportError without transformers.
    """
    try:
        from transformers import LlamaConfig, LlamaForCausalLM
    except ImportError as error:
        raise ImportError(
            'the retrieval model needs transformers: pip install "minference-kernels[transformers]"'
        ) from error
    if vocab_size < 2:
        raise ValueError(f"vocab_size must be at least 2, got {vocab_size}")
    settings: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": HIDDEN,
        "intermediate_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "head_dim": HEAD_DIM,
        "max_position_embeddings": 1 << 20,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": None,
        "pad_token_id": 0,
        "attn_implementation": attn_implementation,
    }
    with torch.no_grad():
        model = LlamaForCausalLM(LlamaConfig(**settings)).float().eval()
        for parameter in model.parameters():
            parameter.zero_()
        _write(model, seed)
    return model


def _write(model: LlamaForCausalLM, seed: int) -> None:
    signs = np.random.default_rng(seed).integers(0, 2, (model.config.vocab_size, CODE)) * 2 - 1
    codes = torch.from_numpy(signs / math.sqrt(CODE)).float()
    embed = model.model.embed_tokens.weight
    embed[:, CURRENT] = codes
    embed[:, CONSTANT] = 1
    embed[0, CURRENT] = 0
    embed[0, FLAG] = 1  # in place of a code, so that <bos> has the same norm as every token
    model.lm_head.weight[:, OUTPUT] = _OUTPUT_GAIN * codes
    for norm in (
        model.model.norm,
        *(n for b in model.model.layers for n in (b.input_layernorm, b.post_attention_layernorm)),
    ):
        norm.weight.fill_(1)

    pairs = HEAD_DIM // 2
    frequency = ROPE_THETA ** (-torch.arange(pairs) / pairs)
    root = HEAD_DIM**0.25  # undoes the softmax scale 1 / sqrt(d), half in q and half in k
    slow = torch.arange(pairs - CODE // 2, pairs)
    slots = torch.cat([slow, slow + pairs])  # rotate_half pairs dimension i with i + d / 2

    # RMSNorm multiplies by sqrt(hidden / |x|^2): |x|^2 = code + constant in layer 0, and one code more in layer 1
    for layer, codes_held in ((0, 1), (1, 2)):
        attention = model.model.layers[layer].self_attn
        unit = math.sqrt((codes_held + 1) / HIDDEN)
        q, k, v, o = (getattr(attention, f"{name}_proj").weight for name in "qkvo")
        if layer == 0:
            q[:pairs, CONSTANT] = unit * root * math.sqrt(_PHASE_GAIN)
            k[:pairs, CONSTANT] = unit * root * math.sqrt(_PHASE_GAIN) * torch.cos(frequency)
            k[pairs:HEAD_DIM, CONSTANT] = unit * root * math.sqrt(_PHASE_GAIN) * torch.sin(frequency)
            target = PREVIOUS
        else:
            gain = unit * root * math.sqrt(_MATCH_GAIN)
            q[slots, torch.arange(CODE)] = gain
            k[slots, CODE + torch.arange(CODE)] = gain
            target = OUTPUT
        v[torch.arange(CODE), torch.arange(CODE)] = unit
        o[torch.arange(target.start, target.stop), torch.arange(CODE)] = 1
        # head 1: the slowest pair, so that distance does not show
        q[HEAD_DIM + pairs - 1, CONSTANT] = unit * root * math.sqrt(_SINK_GAIN)
        k[HEAD_DIM + pairs - 1, FLAG] = unit * root * math.sqrt(_SINK_GAIN)


def pair_prompt(
    length: int, *, questions: int = 8, span: int | None = None, vocab_size: int = 8192, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A prompt of exactly `length` tokens whose tail asks `questions` distinct keys.

    The last `span` tokens (default two per question) hold the questions, with fillers between them; the rest is
    ``<bos>`` and key-value pairs of distinct tokens (and one filler where the count is odd). Returns ids int64
    [1, length], the question positions [questions] and the answers [questions]. Raises ValueError if it does not fit.
    """
    span = 2 * questions if span is None else span
    pairs = (length - span - 1) // 2
    if questions < 1 or span < questions or pairs < questions or 2 * pairs + 2 > vocab_size:
        raise ValueError(
            f"{questions} questions in the last {span} of {length} tokens need 1 <= questions <= span, at least as "
            f"many pairs (there is room for {pairs}) and a vocabulary of {2 * pairs + 2} (it has {vocab_size})"
        )
    rng = np.random.default_rng(seed)
    tokens = 1 + rng.permutation(vocab_size - 1)[: 2 * pairs + 1]
    keys, values, filler = tokens[:pairs], tokens[pairs : 2 * pairs], tokens[-1]
    asked = rng.choice(pairs, questions, replace=False)
    ids = np.full(length, filler)
    ids[0] = 0
    ids[1 : 1 + 2 * pairs : 2], ids[2 : 2 + 2 * pairs : 2] = keys, values
    places = length - span + np.linspace(0, span - 1, questions).round().astype(np.int64) if questions > 1 else None
    positions = np.array([length - 1]) if places is None else places
    ids[positions] = keys[asked]
    return torch.from_numpy(ids)[None], torch.from_numpy(positions), torch.from_numpy(values[asked])
