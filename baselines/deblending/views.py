"""The eight symmetries of the square on images and on places, about the pixel or the corner that a track centres on.

A pair's central galaxy stands on the pixel (N/2, N/2) of an even image, half a pixel off its middle. Mirrored about
that pixel it stays there; row 0 has no partner then and stays where it is, as does column 0.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor

VIEWS = 8


def turned(images: Tensor, views: Tensor, on_pixel: bool) -> Tensor:
    """Each of some images (B, C, N, N) in its own view (B,): rows mirrored, then columns, then the two exchanged."""
    k = views.to(images.device)[:, None, None, None]
    for bit, axis in ((1, 2), (2, 3)):  # picking images by their view would make a GPU wait for the CPU
        images = torch.where((k & bit).bool(), _mirrored(images, axis, on_pixel), images)
    return torch.where((k & 4).bool(), images.transpose(2, 3), images)


def view(images: Tensor, k: int, on_pixel: bool) -> Tensor:
    """All images (B, C, N, N) in one view."""
    axes = [axis for axis, bit in ((2, 1), (3, 2)) if k & bit]
    images = reduce(lambda seen, axis: _mirrored(seen, axis, on_pixel), axes, images)
    return images.transpose(2, 3) if k & 4 else images


def inverse(k: int) -> int:
    """The view that brings a view back: rows and columns change roles where they were exchanged."""
    return 4 | (k & 1) << 1 | (k & 2) >> 1 if k & 4 else k


def places(at: Tensor, views: Tensor | int, size: int, on_pixel: bool) -> Tensor:
    """Where places (B, K, 2), column and row of an image of ``size``, lie in a view, (B,) or one for all."""
    k = torch.as_tensor(views, device=at.device).expand(len(at))[:, None]
    x, y = at.unbind(dim=2)
    last = size - 1 + on_pixel
    y = torch.where((k & 1).bool(), last - y, y)
    x = torch.where((k & 2).bool(), last - x, x)
    swapped = (k & 4).bool()
    return torch.stack([torch.where(swapped, y, x), torch.where(swapped, x, y)], dim=2)


def _mirrored(images: Tensor, axis: int, on_pixel: bool) -> Tensor:
    flipped = images.flip(axis)
    return flipped.roll(1, axis) if on_pixel else flipped
