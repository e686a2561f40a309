"""The network: checkpoints, pieces, windows, and a keep probability for every word."""
