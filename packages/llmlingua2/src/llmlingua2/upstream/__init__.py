"""The rules of llmlingua 0.2.2 that ``PromptCompressor`` reproduces, one concept per module.

``arguments``, ``families`` and ``force`` are the leaves; ``tokenizer``, ``model`` and ``counting`` hold the outside
resources; ``chunking``, ``words``, ``thresholds``, ``contexts`` and ``labels`` are the steps, and ``pipeline`` runs
them in order. Only ``model`` needs torch; the rest works on strings, integers and NumPy arrays.
"""
