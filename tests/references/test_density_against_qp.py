"""Our density and point scores against qp, each of qp's own rules replicated where it differs from ours."""

from __future__ import annotations

import numpy as np
import pytest

from blindsky.scoring import density, regression

pytestmark = pytest.mark.filterwarnings("ignore")  # qp and what it loads warn at import
NODES = np.linspace(0, 3, 301)
STEP = 0.01


@pytest.fixture(scope="module")
def qp():
    return pytest.importorskip("qp")


def cases(n=300):
    rng = np.random.default_rng(2)
    m, s = rng.uniform(0.2, 2.8, (n, 1)), rng.uniform(0.004, 0.3, (n, 1))
    pdf = np.exp(-((NODES - m) ** 2) / (2 * s**2)) + 0.01 * rng.random((n, 301))
    return np.clip(m[:, 0] + s[:, 0] * rng.standard_normal(n), 0, 3), pdf


def ensemble(qp, pdf):
    return qp.Ensemble(qp.interp, data={"xvals": NODES, "yvals": pdf})


def normalised(pdf):
    """Density and CDF at the nodes, by the trapezoid rule written out."""
    p = pdf / (STEP * (pdf.sum(axis=1) - (pdf[:, 0] + pdf[:, -1]) / 2))[:, None]
    cells = STEP * (p[:, 1:] + p[:, :-1]) / 2
    return p, np.concatenate([np.zeros((len(p), 1)), np.cumsum(cells, axis=1)], axis=1)


def test_density_at_the_truth(qp):
    z, pdf = cases()
    theirs = ensemble(qp, pdf).pdf(z[:, None])[:, 0]
    np.testing.assert_allclose(density.measure(z, pdf, 0, 3)["p_true"], theirs, rtol=1e-10)


def test_pit_at_nodes_is_the_same(qp):
    from qp.metrics.pit import PIT

    z, pdf = cases()
    at_nodes = NODES[np.rint(z / STEP).astype(int)]
    theirs = PIT(ensemble(qp, pdf), at_nodes).pit_samps
    np.testing.assert_allclose(density.measure(at_nodes, pdf, 0, 3)["pit"], theirs, atol=1e-12)


def test_pit_between_nodes_differs_by_their_linear_cdf(qp):
    from qp.metrics.pit import PIT

    z, pdf = cases()
    theirs = PIT(ensemble(qp, pdf), z).pit_samps
    p, C = normalised(pdf)
    linear = [np.interp(zi, NODES, Ci) for zi, Ci in zip(z, C, strict=True)]
    np.testing.assert_allclose(linear, theirs, atol=1e-12)
    # Within a cell the CDF is a parabola, which leaves its chord by at most |p_{k+1} - p_k| step / 8
    ours = density.measure(z, pdf, 0, 3)["pit"]
    bound = np.abs(np.diff(p, axis=1)).max(axis=1) * STEP / 8
    assert np.all(np.abs(ours - theirs) <= bound + 1e-12)
    assert np.max(np.abs(ours - theirs)) > 1e-3


def test_cde_loss_differs_by_their_trapezoid_and_nearest_node(qp):
    from qp.metrics import CDELossMetric

    z, pdf = cases()
    theirs = CDELossMetric(eval_grid=NODES).evaluate(ensemble(qp, pdf), z)
    p, _ = normalised(pdf)
    at_nodes = NODES[np.argmin(np.abs(NODES - z[:, None]), axis=1)]
    # trapezoid of p^2 minus its exact integral: step (p_{k+1} - p_k)^2 / 6 in every cell
    excess = np.mean(np.sum(STEP * np.diff(p, axis=1) ** 2 / 6, axis=1))
    ours = density.cde_loss(at_nodes, pdf, low=0, high=3)
    assert ours + excess == pytest.approx(theirs, abs=1e-9)


def test_point_scores(qp):
    from qp.metrics import PointBias, PointSigmaIQR, PointSigmaMAD

    rng = np.random.default_rng(4)
    z = rng.uniform(0, 3, 2001)  # 4 k + 1 rows: quartiles are rows under every convention
    point = z + 0.05 * rng.standard_t(3, 2001)
    assert regression.mu(z, point) == pytest.approx(PointBias().evaluate(point, z), abs=1e-12)
    assert regression.sigma_iqr(z, point) == pytest.approx(PointSigmaIQR().evaluate(point, z), abs=1e-12)
    assert regression.sigma_nmad(z, point) == pytest.approx(PointSigmaMAD().evaluate(point, z), rel=1e-4)


def test_their_example_file(qp, shared_data):
    h5py = pytest.importorskip("h5py")
    with h5py.File(shared_data("photoz/qp_interp_example.hdf5")) as file:
        nodes, pdf = np.asarray(file["meta/xvals"][0], float), np.asarray(file["data/yvals"], float)
        zmode = np.asarray(file["ancil/zmode"], float)
    assert np.allclose(np.diff(nodes), nodes[1] - nodes[0])
    np.testing.assert_allclose(density.mode(pdf, nodes[0], nodes[-1]), zmode, atol=nodes[1] - nodes[0])
    their = qp.Ensemble(qp.interp, data={"xvals": nodes, "yvals": pdf})
    found = density.median(pdf, nodes[0], nodes[-1])
    np.testing.assert_allclose(found, np.ravel(their.median()), atol=nodes[1] - nodes[0])
