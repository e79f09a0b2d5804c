"""The public interface for Python: tables, a torch Dataset, and the same check and score as the command line."""

from __future__ import annotations

import builtins
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import blindsky
from blindsky.challenges import tables
from blindsky.challenges.errors import InputFault, MissingExtra
from blindsky.challenges.release import Release
from blindsky.submissions.faults import PredictionRefused

NAME = "toy-original"


@pytest.fixture
def data(toy_release: Release) -> blindsky.Data:
    return blindsky.load(toy_release.root)


def answer(data: blindsky.Data, slope: float = 0.8) -> Any:
    """A pandas table with the numbers times a slope, and their density."""
    table = data.test[["object_id"]].copy()
    table["estimate"] = np.clip(slope * data.test["x"].astype("float64"), -6, 6)
    nodes = np.linspace(-6, 6, 61)
    table["pdf"] = [np.exp(-0.5 * (nodes - m) ** 2) for m in table["estimate"]]
    return table


def test_a_release_is_loaded_by_id_or_by_path(
    toy_release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = toy_release.public.root
    assert blindsky.load(NAME, arena=tmp_path).path == root
    assert blindsky.load(str(toy_release.root)).path == root
    assert blindsky.load(root).path == root
    monkeypatch.setenv("BLINDSKY_ARENA", str(tmp_path))
    assert blindsky.load(NAME).path == root
    monkeypatch.delenv("BLINDSKY_ARENA")
    monkeypatch.chdir(tmp_path)
    assert blindsky.load(NAME).path.resolve() == root
    with pytest.raises(InputFault, match="did you mean toy-original"):
        blindsky.load("toy-orignal")


def test_tables_are_pandas(data: blindsky.Data, toy_release: Release) -> None:
    import pandas as pd

    assert isinstance(data.train, pd.DataFrame)
    assert (len(data.train), len(data.test)) == (100, 150)
    assert set(data.train) - set(data.test) == {"mean"}
    assert list(data.table("prior").columns) == ["mean", "density"]
    raw = toy_release.public.table("train")
    for name in data.train:
        assert np.array_equal(data.train[name].to_numpy(), raw[name])
    with pytest.raises(InputFault, match=r"no table 'truth': Known are: derived, prior, test, train$"):
        data.table("truth")
    with pytest.raises(InputFault, match=r"no table 'tset': did you mean test\? Known are: ") as typo:
        data.table("tset")
    assert "again" not in str(typo.value)
    (data.path / "prior.parquet").unlink()
    with pytest.raises(InputFault, match=r"prior\.parquet is not there\. Download the release again"):
        data.table("prior")
    assert data.challenge.name == "toy"


def test_a_torch_dataset_holds_the_rows(data: blindsky.Data) -> None:
    torch = pytest.importorskip("torch")

    train, test = data.dataset(), data.dataset("test")
    assert (len(train), len(test)) == (100, 150)  # type: ignore[arg-type]
    assert train[7]["mean"] == torch.tensor(data.train["mean"][7])
    assert train[7]["object_id"].dtype == torch.int64
    assert "mean" not in test[0]
    batch = next(iter(torch.utils.data.DataLoader(train, batch_size=32)))
    assert np.array_equal(batch["x"].numpy(), data.train["x"][:32])
    batch["x"] += 1  # a copy: nothing of the release changes under it
    assert np.array_equal(data.train["x"], blindsky.load(data.path).train["x"])


def test_without_torch_the_error_says_how_to_get_it(
    data: blindsky.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "torch":
            raise ImportError(name)
        return known(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r'pip install "blindsky\[torch\]"'):
        data.dataset()


def test_a_table_is_checked_as_its_file_would_be(data: blindsky.Data, tmp_path: Path) -> None:
    table = answer(data)
    table.to_parquet(tmp_path / "prediction.parquet", index=False)
    as_table, as_file = (blindsky.check(p, data.path) for p in (table, tmp_path / "prediction.parquet"))
    assert as_table.ok
    assert as_table.fields == ("estimate", "pdf")
    assert as_table.to_dict() | {"path": ""} == as_file.to_dict() | {"path": ""}
    assert as_table.path == Path("prediction.parquet")
    table.loc[3, "estimate"] = 99
    found = blindsky.check(table.drop(index=5), data.path)
    assert sorted(fault.code for fault in found.faults) == ["missing_id", "out_of_range"]
    assert str(tmp_path) not in str(found)


def test_tables_that_pandas_can_not_write_are_named(data: blindsky.Data) -> None:
    table = answer(data)
    table["remark"] = [1, "two"] * 75
    with pytest.raises(InputFault, match="can't be written as Parquet"):
        blindsky.check(table, data.path)
    with pytest.raises(InputFault, match=r"a file or a pandas table, got dict. Make it one"):
        blindsky.check({"object_id": [1]}, data.path)  # type: ignore[arg-type]
    with pytest.raises(InputFault, match="got ndarray"):
        blindsky.score(np.zeros(3), data.path)  # type: ignore[arg-type]


def test_a_table_may_be_indexed_by_its_ids(data: blindsky.Data) -> None:
    indexed = answer(data).set_index("object_id")
    assert blindsky.check(indexed, data.path).ok
    assert blindsky.check(answer(data).set_index("object_id", drop=False), data.path).ok, "and a column too"
    assert blindsky.score(indexed, data.path)["parts"] == blindsky.score(answer(data), data.path)["parts"]


def test_a_notebook_shows_the_text_and_no_file_that_is_not_there(
    data: blindsky.Data, toy_release: Release, tmp_path: Path
) -> None:
    good = blindsky.check(answer(data), NAME, arena=tmp_path)
    assert repr(good) == str(good) == good.text()
    assert repr(good).splitlines()[-1] == (
        "Next: table.to_parquet('prediction.parquet', index=False), then blindsky submit prediction.parquet "
        f'--release {NAME} --arena {tmp_path} --team "..." --method "..."'
    )
    bad = answer(data).drop(index=5)
    assert repr(blindsky.check(bad, data.path)).endswith("Next: mend this and check the table again")
    with pytest.raises(PredictionRefused, match="check the table again") as refused:
        blindsky.score(bad, data.path)
    assert "blindsky check" not in str(refused.value)
    shutil.rmtree(toy_release.private)
    told = repr(blindsky.check(answer(data), data.path)).splitlines()[-1]
    assert told.endswith(", then send prediction.parquet to the organiser, with the names of team and method")


def test_a_score_is_the_metric_of_truth_and_prediction(data: blindsky.Data, toy_release: Release) -> None:
    table = answer(data)
    card = blindsky.score(table, data.path)
    truth = tables.read(toy_release.private / "truth.parquet")
    assert np.array_equal(truth["object_id"], table["object_id"])
    error = table["estimate"].to_numpy() - truth["mean_true"]
    for part in ("public", "private", "all"):
        inside = (truth["part"] == part) | (part == "all")
        metrics = card["parts"][part]["metrics"]
        assert metrics["mse"]["value"] == pytest.approx(np.mean(error[inside] ** 2), rel=1e-12)
        assert metrics["miss"]["value"] == pytest.approx(np.mean(np.abs(error[inside]) > 1), rel=1e-12)
    assert card["fields"] == ["estimate", "pdf"]
    json.dumps(card, allow_nan=False)
    shuffled = blindsky.score(table.sample(frac=1, random_state=1), data.path)
    assert shuffled["parts"] == card["parts"]


def test_nothing_is_stored(data: blindsky.Data, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    blindsky.check(answer(data), data.path)
    blindsky.score(answer(data), data.path)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_can_not_be_scored(data: blindsky.Data, toy_release: Release, tmp_path: Path) -> None:
    with pytest.raises(PredictionRefused, match="missing_id"):
        blindsky.score(answer(data).drop(index=3), data.path)
    with pytest.raises(InputFault, match="there is no file"):
        blindsky.score(tmp_path / "nothing.parquet", data.path)
    shutil.rmtree(toy_release.private)
    with pytest.raises(InputFault, match="Only its organiser"):
        blindsky.score(answer(data), data.path)
    assert blindsky.check(answer(data), data.path).ok


def test_the_package_names_what_is_public() -> None:
    from importlib.metadata import version

    assert blindsky.__version__ == version("blindsky")
    assert set(blindsky.__all__) <= set(dir(blindsky)) | {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        blindsky.nothing  # noqa: B018
