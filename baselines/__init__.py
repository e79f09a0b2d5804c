"""Baselines: first answers that read a release's public part only; see ``baseline`` and ``training``."""
