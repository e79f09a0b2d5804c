"""Choices of the generator beyond track and size; sky.py reads them."""

from __future__ import annotations

from blindsky.challenges.challenge import Option

OPTIONS = (
    Option(
        name="components",
        values=("no", "yes"),
        default="no",
        description=(
            "give the training stamps in two parts too: train_foreground (all but the lensed source, with the same "
            "noise and bad pixels) and train_lensed (the lensed source alone, without noise)"
        ),
    ),
    Option(
        name="cosmos",
        values=(),
        default="",
        description=(
            "directory of real galaxy images (FITS or .npy) that take the place of the sources' bodies and knots, "
            "scaled to their half-light radii"
        ),
    ),
)
