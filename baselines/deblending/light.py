"""What a network that divides pixels learns from: the share of every galaxy in every pixel.

The light S_i of each galaxy alone is public where a release was drawn with the option ``isolated``. Elsewhere its mask,
its flux and its place are: a galaxy is taken for a disc with its flux and, at the radius of its mask, the brightness of
the mask's edge, brighter within the mask and fainter beyond. Within masks discs share what the smoothed image holds.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

WIDTH = 1.0  # pixels: smoothing before the image is divided; it halves the noise and is narrower than any PSF here
REACH = 3  # pixels at which the kernel ends
STEPS = 20  # of the fixed point in _scale; it converges as 2/u, u > 2
DULLEST, SHARPEST = 2.0, 20.0  # mask radius over scale length; below 2 no disc has both flux and edge
NARROWEST = 1.0  # pixels: scale length of a point


def smooth(images: Tensor) -> Tensor:
    """Images (B, C, N, N) under a Gaussian of ``WIDTH``; beyond the edge there is nothing."""
    at = torch.arange(-REACH, REACH + 1, device=images.device, dtype=images.dtype)
    line = torch.exp(-0.5 * (at / WIDTH) ** 2)
    line = line / line.sum()
    flat = images.flatten(0, 1)[:, None]
    rows = functional.conv2d(flat, line[None, None, :, None], padding=(REACH, 0))
    found: Tensor = functional.conv2d(rows, line[None, None, None, :], padding=(0, REACH))
    return found.reshape(images.shape)


def shared(image: Tensor, edge: Tensor, mask: Tensor, flux: Tensor, at: Tensor) -> Tensor:
    """Light of each galaxy (B, K, N, N) in the reference band, after its mask.

    image : (B, N, N).   edge : brightness at the edge of a mask (B,).   mask : (B, K, N, N).   flux : (B, K), 0 where
    there is no galaxy.   at : its column and row (B, K, 2).
    """
    radius = (mask.sum(dim=(2, 3), dtype=image.dtype) / math.pi).sqrt().clamp(min=1.0)
    scale = _scale(radius, flux, edge[:, None])
    peak = (flux / (2 * math.pi * scale**2))[:, :, None, None]
    disc = peak * torch.exp(-distance(at, image.shape[-1]) / scale[:, :, None, None])
    limit = edge[:, None, None, None]
    part = torch.where(mask > 0, torch.maximum(disc, limit), torch.minimum(disc, limit))
    seen = torch.maximum(smooth(image[:, None]), limit)
    within = (mask > 0).any(dim=1, keepdim=True)
    return torch.where(within, part * seen / part.sum(dim=1, keepdim=True).clamp(min=1e-30), part)


def _scale(radius: Tensor, flux: Tensor, edge: Tensor) -> Tensor:
    """Scale length h of a disc, f/(2 pi h^2) exp(-r/h), that has brightness ``edge`` at ``radius``."""
    q = flux.clamp(min=1e-30) / (2 * math.pi * radius**2 * edge)
    u = torch.full_like(q, 5.0)
    for _ in range(STEPS):
        u = (q * u**2).log().clamp(DULLEST, SHARPEST)
    return (radius / u).clamp(min=NARROWEST)


def distance(at: Tensor, size: int) -> Tensor:
    """Of every pixel from some places (B, K, 2): (B, K, N, N)."""
    line = torch.arange(size, device=at.device, dtype=at.dtype)
    dx, dy = (line - at[:, :, axis, None] for axis in (0, 1))
    return torch.hypot(dx[:, :, None, :], dy[:, :, :, None])


def partition(light: Tensor, sigma: Tensor) -> Tensor:
    """S_i / (S + sigma) of each galaxy and sigma / (S + sigma) of the background, (B, K + 1, N, N); the sum is 1.

    light : (B, K, N, N).   sigma : noise rms in its band, (B,).
    """
    light = light.clamp(min=0)
    noise = sigma[:, None, None, None].expand(-1, 1, *light.shape[2:])
    parts = torch.cat([light, noise], dim=1)
    return parts / parts.sum(dim=1, keepdim=True)
