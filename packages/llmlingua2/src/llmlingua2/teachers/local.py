"""A teacher that runs here: any instruction-tuned causal language model of ``transformers``."""

from typing import Any

from llmlingua2.teachers.protocol import Answer, BadAnswerError, Chunk, prompt, read_answer

__all__ = ["TransformersTeacher"]


class TransformersTeacher:
    """Greedy decoding of the chat prompt, one chunk at a time.

    Args:
        model: a ``transformers`` causal language model, in evaluation mode.
        tokenizer: its tokenizer, with a chat template.
        name: recorded with every answer.
        max_new_tokens: upper bound; an answer is also never given more tokens than its text has, plus 64.
        shortest: see ``read_answer``.

    Raises:
        ValueError: the tokenizer has no chat template: a base model does not follow instructions.
    """

    concurrency = 1

    def __init__(
        self, model: Any, tokenizer: Any, *, name: str = "local", max_new_tokens: int = 4096, shortest: float = 0.02
    ) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise ValueError("TransformersTeacher: the tokenizer has no chat template; use an instruction-tuned model")
        self.name = name
        self._model, self._tokenizer = model, tokenizer
        self._max_new_tokens, self._shortest = max_new_tokens, shortest

    @classmethod
    def from_pretrained(
        cls,
        path: str,
        *,
        device: str = "cpu",
        dtype: str = "auto",
        revision: str | None = None,
        local_files_only: bool = False,
        **settings: Any,
    ) -> "TransformersTeacher":
        """Load a local folder or hub model. Remote code is never run and only safetensors are read."""
        from transformers import AutoModelForCausalLM, AutoTokenizer

        where = {"revision": revision, "local_files_only": local_files_only, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(path, **where)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, use_safetensors=True, **where)
        model = model.to(device).eval()  # type: ignore[arg-type]
        return cls(model, tokenizer, name=path, **settings)

    def compress(self, chunk: Chunk) -> Answer:
        """The model's answer.

        Raises:
            BadAnswerError: empty, longer than the text, over-compressed, or still unfinished at the last token allowed.
        """
        import torch

        inputs = self._tokenizer.apply_chat_template(
            prompt(chunk.text), add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self._model.device)
        length = inputs["input_ids"].shape[1]
        text_length = len(self._tokenizer(chunk.text, add_special_tokens=False)["input_ids"])
        allowed = min(self._max_new_tokens, text_length + 64)
        with torch.inference_mode():
            output = self._model.generate(**inputs, do_sample=False, max_new_tokens=allowed)[0, length:]
        if len(output) >= allowed:
            raise BadAnswerError(f"answer cut at {allowed} tokens")
        text = self._tokenizer.decode(output, skip_special_tokens=True)
        details = {"input_tokens": length, "output_tokens": len(output)}
        return Answer(read_answer(chunk.text, text, shortest=self._shortest), details)
