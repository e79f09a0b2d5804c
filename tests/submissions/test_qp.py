"""qp ensembles: real ones, resampled ones, and those that reach outside their own file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blindsky.challenges import tables
from blindsky.challenges.errors import MachineFault
from blindsky.challenges.prediction import Column, Density, Grid, Prediction
from blindsky.submissions.canonical import write_canonical
from blindsky.submissions.checking import check
from blindsky.submissions.qp import resample

h5py = pytest.importorskip("h5py")

FINE = Prediction((Column("z_point", low=0, high=3), Density("pdf", Grid(0, 3, 301), optional=True)))


@pytest.fixture
def ensemble(tmp_path: Path) -> Callable[..., Path]:
    """Writes the groups that qp 1.1 writes; ``None`` leaves a dataset out."""

    def write(ids: Any = None, name: str = "ensemble.hdf5", **datasets: Any) -> Path:
        x = np.linspace(0, 3, 31)
        content = {
            "meta/pdf_name": np.array([b"interp"]),
            "meta/xvals": x[None],
            "data/yvals": np.full((50, 31), 1 / 3),
            "ancil/object_id": ids,
            **{key.replace("__", "/"): value for key, value in datasets.items()},
        }
        with h5py.File(tmp_path / name, "w") as file:
            for key, value in content.items():
                if value is not None:
                    file[key] = value
        return tmp_path / name

    return write


def test_the_real_file(
    shared_data: Callable[[str], Path],
    make_public: Callable[..., Any],
    text: Callable[..., Path],
    tmp_path: Path,
) -> None:
    path = shared_data("photoz/qp_interp_example.hdf5")
    public = make_public(np.arange(100, 110), FINE)
    refused = check(path, public)
    assert refused.report.codes == ("no_ids",)
    assert "--ids FILE" in str(refused)
    ids = np.array([105, 100, 101, 102, 103, 104, 109, 108, 107, 106])
    listed = text({"object_id": ids, "flux_u": ids * 1.0}, "test.csv")
    result = check(path, public, ids=listed)
    assert result.ok, str(result)
    assert f"--ids {listed}" in str(result)
    write_canonical(path, public, tmp_path / "stored", ids=listed)
    stored = tables.read(tmp_path / "stored")
    with h5py.File(path) as file:
        order = np.argsort(ids)
        np.testing.assert_array_equal(stored["z_point"], file["ancil/zmode"][:][order])
        np.testing.assert_array_equal(stored["pdf"], file["data/yvals"][:].astype(np.float32)[order])


def test_the_point_is_the_modes_else_the_highest_node(
    public: Any, ensemble: Callable[..., Path], tmp_path: Path
) -> None:
    y = np.random.default_rng(1).random((50, 31))
    found = []
    for more in (
        {},
        {"ancil__zmode": np.full((50, 1), 2.5)},
        {"ancil__zmode": np.zeros(50), "ancil__z_point": np.ones(50)},
    ):
        write_canonical(ensemble(public.ids, data__yvals=y, **more), public, tmp_path / "stored")
        found.append(tables.read(tmp_path / "stored")["z_point"])
    np.testing.assert_allclose(found[0], y.argmax(axis=1) * 0.1, rtol=0, atol=1e-12)
    assert set(found[1]) == {2.5}
    assert set(found[2]) == {1.0}


def test_resampling_is_linear_interpolation_and_zero_outside() -> None:
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(0.1, 2.7, 40))
    y = rng.random((6, 40))
    nodes = np.linspace(0, 3, 301)
    expected = [np.interp(nodes, x, row, left=0, right=0) for row in y]
    np.testing.assert_allclose(resample(x, y, nodes), expected, rtol=0, atol=1e-13)


def test_resampling_on_the_same_nodes_changes_no_bit() -> None:
    y = np.random.default_rng(3).random((4, 301))
    # the same grid as others compute it, off by rounding
    for x in (np.linspace(0, 3, 301), np.arange(301) / 100, np.arange(301) * 0.01):
        np.testing.assert_array_equal(resample(x, y, np.linspace(0, 3, 301)), y)


def test_a_finer_grid_is_resampled_and_said_so(public: Any, ensemble: Callable[..., Path]) -> None:
    path = ensemble(
        public.ids, meta__xvals=np.linspace(0, 3.5, 71)[None], data__yvals=np.full((50, 71), 1 / 3.5)
    )
    result = check(path, public)
    assert result.ok
    assert {note.code for note in result.notes} == {"resampled", "not_normalised", "few_values"}
    assert "from 71 nodes on 0 to 3.5 onto the grid of 31" in str(result)


def test_ids_that_were_not_needed_or_do_not_fit(
    public: Any, table: dict[str, Any], ensemble: Callable[..., Path], text: Callable[..., Path]
) -> None:
    listed = text(table, "test.csv")
    result = check(ensemble(public.ids), public, ids=listed)
    assert result.ok
    assert result.notes[0].code == "ids_not_needed"
    short = text({k: v[:49] for k, v in table.items()}, "short.csv")
    result = check(ensemble(None), public, ids=short)
    assert [(f.code, f.got) for f in result.faults] == [("no_ids", "49 ids")]
    assert check(ensemble(None), public, ids=listed).ok


def test_float_ids(public: Any, ensemble: Callable[..., Path]) -> None:
    result = check(ensemble(public.ids.astype(float)), public)
    assert "bad_id" in result.report.codes


@pytest.mark.parametrize(
    ("datasets", "got"),
    [
        ({"meta__pdf_name": np.array([b"mixmod"])}, "pdf_name mixmod"),
        ({"data__yvals": None}, "no meta/xvals or no data/yvals"),
        ({"meta__xvals": np.linspace(3, 0, 31)[None]}, "xvals that don't increase"),
        ({"meta__xvals": np.linspace(0, 3, 30)[None]}, "xvals (1, 30), yvals (50, 31)"),
        ({"data__yvals": np.full((50, 31), b"x")}, None),
        ({"ancil__zmode": np.ones(49)}, "ancil/zmode of shape (49,)"),
        ({"data__yvals": h5py.SoftLink("/meta/xvals")}, "a link at data/yvals"),
        ({"data__yvals": h5py.ExternalLink("/etc/passwd", "/data/yvals")}, "a link at data/yvals"),
    ],
)
def test_what_is_no_readable_ensemble(
    datasets: dict[str, Any], got: str | None, public: Any, ensemble: Callable[..., Path]
) -> None:
    result = check(ensemble(public.ids, **datasets), public)
    assert result.report.codes == ("unreadable",), str(result)
    assert got is None or result.faults[0].got == got


def test_storage_outside_the_file_is_not_read(
    public: Any, ensemble: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(np.full((50, 31), 1 / 3).tobytes())
    path = ensemble(public.ids, data__yvals=None)
    with h5py.File(path, "a") as file:
        outside = [(str(tmp_path / "secret"), 0, 50 * 31 * 8)]
        file.create_dataset("data/yvals", (50, 31), "f8", external=outside)
    result = check(path, public)
    assert [(f.code, f.got) for f in result.faults] == [("unreadable", "data/yvals stored in another file")]


def test_a_shape_of_a_trillion_rows_is_refused_by_its_header(
    public: Any, ensemble: Callable[..., Path]
) -> None:
    path = ensemble(public.ids, data__yvals=None)
    with h5py.File(path, "a") as file:
        file.create_dataset("data/yvals", (10**12, 31), "f4", chunks=(1000, 31))
    result = check(path, public)
    assert [(f.code, f.got) for f in result.faults] == [("too_many_rows", "1,000,000,000,000 rows")]


def test_a_stored_block_that_unpacks_to_gigabytes(public: Any, ensemble: Callable[..., Path]) -> None:
    path = ensemble(public.ids, data__yvals=None)
    with h5py.File(path, "a") as file:
        # the chunk may exceed the data set where that can grow
        file.create_dataset(
            "data/yvals", (50, 31), "f8", chunks=(2**20, 40), maxshape=(None, None), compression="gzip"
        )
    result = check(path, public)
    assert result.report.codes == ("too_large",)
    assert "a block of 320.0 MiB in data/yvals" in str(result)


def test_a_declaration_that_an_ensemble_cannot_hold(
    make_public: Callable[..., Any], ensemble: Callable[..., Path]
) -> None:
    public = make_public(np.arange(50), Prediction((Column("score"),)))
    result = check(ensemble(public.ids), public)
    assert [(f.code, f.mend) for f in result.faults] == [("unreadable", "send Parquet")]


def test_without_h5py(public: Any, ensemble: Callable[..., Path], monkeypatch: Any) -> None:
    path = ensemble(public.ids)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(
        MachineFault, match=r'reading a qp file needs the package h5py.*pip install "blindsky\[hdf5\]"'
    ):
        check(path, public)
