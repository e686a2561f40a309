"""Teachers: who decides which words of a training text are worth keeping."""
