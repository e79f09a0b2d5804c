"""The constants of the Sersic profile against printed digits."""

from __future__ import annotations

import numpy as np

from blindsky.challenges.sersic import sersic_b, sersic_centre

N = np.array([0.5, 1, 2, 4])


def test_half_of_the_light_is_within_the_radius() -> None:
    np.testing.assert_allclose(
        sersic_b(N), [0.6931471806, 1.6783469900, 3.6720607489, 7.6692494425], atol=1e-10
    )


def test_central_brightness_of_unit_flux() -> None:
    np.testing.assert_allclose(sersic_centre(N), [0.22063560, 0.44831538, 2.41145030, 94.48274697], rtol=2e-8)
