"""Sentence vectors of the base encoder, for the weakest of the measures: does the compressed text still look alike?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from llmlingua2.scoring.backends import quiet
from llmlingua2.scoring.base_weights import locate
from llmlingua2.scoring.pieces import PieceTokenizer

__all__ = ["sentence_embedder"]


def sentence_embedder(base: str | Path = "minilm", *, max_length: int = 256) -> Callable[[list[str]], np.ndarray]:
    """A function texts -> unit vectors [n, d]: the mean of the last hidden states, as all-MiniLM-L6-v2 was trained for.

    Args:
        base: see ``scoring.base_weights.locate``.
        max_length: pieces read of each text, as in that model.
    """
    import torch
    from transformers import AutoModel

    folder = locate(str(base))
    tokenizer = PieceTokenizer(folder)
    with quiet():
        model = AutoModel.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
        ).eval()

    def embed(texts: list[str]) -> np.ndarray:
        vectors = []
        for text in texts:
            ids = [*tokenizer.prefix, *tokenizer.encode(text).ids[: max_length - 2].tolist(), *tokenizer.suffix]
            with torch.inference_mode():
                hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
            vector = hidden.mean(dim=0)
            vectors.append((vector / vector.norm()).numpy())
        return np.stack(vectors)

    return embed
