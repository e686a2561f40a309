"""The rules of llmlingua 0.2.2 that ``PromptCompressor`` reproduces, one concept per module.

``arguments``, ``families`` and ``force`` are the leaves; ``checkpoint``, ``tokenizer`` and ``counting`` open what lies
outside; ``chunking``, ``scoring``, ``words``, ``thresholds``, ``contexts`` and ``labels`` are the steps of
``compress_prompt``, and ``pipeline`` runs them in order. ``segments`` and ``recovery`` serve the other methods.
"""
