"""Texts to learn from and to measure on, and how they are cut."""
