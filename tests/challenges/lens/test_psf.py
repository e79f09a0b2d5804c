"""Point-spread functions: unit flux, the stated width, and pixels that add up."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.challenges.lens import psf
from blindsky.challenges.lens.painting import Camera

CAMERA = Camera(101, 0.2, ("r",))


@pytest.mark.parametrize("beta", [None, 2.5, 3.5])
def test_unit_flux_and_width(beta: float | None) -> None:
    index = None if beta is None else np.array([beta])
    transfer = psf.transfer(CAMERA, np.array([0.8]), index)[0]
    assert transfer[0, 0] == pytest.approx(1, abs=2e-3 if beta == 2.5 else 1e-4)
    n = psf.frame(CAMERA)
    profile = np.fft.irfft2(transfer, s=(n, n))
    assert profile[0, 4] / profile[0, 0] == pytest.approx(0.5, abs=1e-4)  # 4 cells of 0.1" are half of 0.8"


def test_a_point_keeps_its_light() -> None:
    torch = pytest.importorskip("torch")
    canvas = torch.zeros(1, CAMERA.cells, CAMERA.cells)
    canvas[0, CAMERA.cells // 2, CAMERA.cells // 2] = 1
    pixels = psf.observe(
        canvas, torch.as_tensor(psf.transfer(CAMERA, np.array([0.7]), np.array([3.5]))), CAMERA
    )
    assert float(pixels.sum()) == pytest.approx(1, abs=1e-3)
    assert pixels.shape == (1, 101, 101)


def test_every_stamp_may_have_its_own() -> None:
    transfer = psf.transfer(CAMERA, np.array([[0.7, 0.8], [0.9, 1.0]]), np.array([[3.5, 3.5], [2.5, 4.0]]))
    assert transfer.shape[:2] == (2, 2)
    assert np.abs(transfer[0, 0] - transfer[1, 1]).max() > 0.1
