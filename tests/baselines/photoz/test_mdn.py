"""The mixture density network: its density against scipy, its Jacobian, its resume."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.baselines.baseline import Settings

torch = pytest.importorskip("torch")


def test_log_density_is_that_of_the_mixture():
    from scipy.stats import norm

    from blindsky.baselines.photoz import mdn

    torch.manual_seed(1)
    network = mdn.Mixture(4)
    features = torch.randn(6, 4)
    x = torch.rand(6)
    log_weight, mean, width = (part.detach().numpy().astype(np.float64) for part in network(features))
    assert np.allclose(np.exp(log_weight).sum(axis=1), 1, atol=1e-6)
    assert np.all(width > 2e-3)
    direct = (np.exp(log_weight) * norm.pdf(x.numpy()[:, None], mean, width)).sum(axis=1)
    with torch.no_grad():
        assert np.allclose(network.log_density(features, x).numpy(), np.log(direct), atol=1e-5)
        many = network.log_density(features, torch.stack([x[0], x[1]])[None]).numpy()
    assert many.shape == (6, 2)
    assert many[0, 0] == pytest.approx(np.log(direct[0]), abs=1e-5)


def test_density_in_z_has_the_jacobian(public):
    from scipy.stats import norm

    from blindsky.baselines.photoz import mdn

    model = mdn.train(public, Settings())
    test = {name: column[:20] for name, column in public.table("test").items()}
    pdf = model.predict(test)["pdf"]
    features = torch.as_tensor(model.photometry.features(test), dtype=torch.float32)
    with torch.no_grad():
        log_weight, mean, width = (
            part.numpy().astype(np.float64)[:, :, None] for part in model.network(features)
        )
    z = np.arange(301) / 100
    direct = (np.exp(log_weight) * norm.pdf(np.log1p(z), mean, width)).sum(axis=1) / (1 + z)
    direct /= np.trapezoid(direct, z, axis=1)[:, None]
    assert np.allclose(pdf, direct, rtol=1e-3, atol=1e-4)


def test_a_killed_training_ends_with_the_same_bits(public, tmp_path, killed, killer):
    from blindsky.baselines.photoz import mdn

    whole = mdn.train(public, Settings(seed=5))
    with pytest.raises(killed):
        mdn.train(public, Settings(seed=5, checkpoints=tmp_path, progress=killer(14)))
    resumed = mdn.train(public, Settings(seed=5, checkpoints=tmp_path))
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, resumed.network.state_dict()[name])
