"""Files of transients: PLAsTiCC's CSV in and out beside pandas, and the check of a submission of PLAsTiCC's size."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from blindsky.challenges.progress import Progress
from tests.benchmarks.measuring import apart, peak_mib, row

PART = 100  # of the full release
OBJECTS = 3_492_890  # of PLAsTiCC's test set
FLAT = 1024  # MiB, however long the files are
STEP = "transients_files"


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _release(folder: Path) -> Path:
    """A part of the full release of ``biased``, as its participants have it."""
    from blindsky.challenges import generation
    from blindsky.challenges.challenge import Size
    from blindsky.challenges.transients import CHALLENGE, counts
    from blindsky.challenges.transients.sky import TransientSky

    every = {
        "train": counts.train_mix(counts.FULL, representative=False),
        "test": counts.test_mix(counts.FULL),
    }
    mixes = {
        split: {name: counts.Number(*(round(n / PART) for n in number)) for name, number in mix.items()}
        for split, mix in every.items()
    }
    size = Size(*(sum(map(sum, mixes[split].values())) for split in ("train", "test")))
    sky = TransientSky(mixes, spectra=True, early=False)
    part = replace(CHALLENGE, sizes={"part": size}, sky=lambda *_: sky)
    return generation.generate(part, "biased", "part", folder, release_id="part").public.root


def out(root: str, folder: str) -> dict[str, float]:
    """Export."""
    from blindsky.challenges.release import open_public
    from blindsky.challenges.transients.export import csv

    public = open_public(Path(root))
    Path(folder).mkdir()
    seconds = _time(lambda: csv(public, Path(folder)))
    return {"seconds": seconds, "peak": peak_mib()}


def out_pandas(root: str, folder: str) -> dict[str, float]:
    """Pandas writes the light curves of the test objects, which are most of it."""
    import pandas as pd

    table = pd.read_parquet(Path(root) / "test_lightcurves.parquet")
    return {
        "seconds": _time(lambda: table.to_csv(Path(folder) / "pandas.csv", index=False)),
        "rows": len(table),
    }


def back(folder: str, releases: str) -> dict[str, float]:
    """Import."""
    from blindsky.challenges.importing import import_release

    files = sorted(Path(folder).glob("t*_set*.csv"))
    seconds = _time(
        lambda: import_release("transients/plasticc", [files[0].parent], Path(releases), release_id="back")
    )
    return {"seconds": seconds, "peak": peak_mib()}


def back_pandas(folder: str, releases: str) -> dict[str, float]:
    """Pandas reads the light curves of the test objects and writes them as Parquet."""
    import pandas as pd

    def copy() -> None:
        pd.read_csv(Path(folder) / "test_set.csv").to_parquet(Path(releases) / "pandas.parquet")

    return {"seconds": _time(copy)}


def check(root: str, folder: str) -> dict[str, float]:
    """Check a CSV submission as long as PLAsTiCC's with one bad cell, for a release with as many test objects."""
    import pandas as pd

    from blindsky.challenges.files import read_json, write_json
    from blindsky.challenges.manifest import MANIFEST
    from blindsky.challenges.release import open_public
    from blindsky.challenges.transients.classes import NUMBERS
    from blindsky.submissions.checking import check as check_file

    ids = np.random.default_rng(0).permutation(OBJECTS) * 7919 + 5
    large = Path(folder) / "large"
    large.mkdir()
    pd.DataFrame({"object_id": ids}).to_parquet(large / "test.parquet", index=False)
    manifest = dict(read_json(Path(root) / MANIFEST))
    write_json(large / MANIFEST, manifest | {"splits": manifest["splits"] | {"test": {"rows": OBJECTS}}})
    path = Path(folder) / "bad.csv"
    row_text = ",".join(f"{p:.6f}" for p in np.random.default_rng(1).dirichlet(np.ones(len(NUMBERS))))
    with path.open("w") as file:
        file.write(",".join(["object_id", *(f"class_{n}" for n in NUMBERS)]) + "\n")
        file.writelines(f"{i},{row_text}\n" for i in ids[:-1])
        file.write(f"{ids[-1]},{row_text.rpartition(',')[0]},O.1\n")
    return {"bytes": path.stat().st_size} | _checked(check_file, path, open_public(large))


def _checked(check_file: Callable[..., object], path: Path, public: object) -> dict[str, float]:
    import pandas as pd

    before = peak_mib()
    found: list[object] = []
    seconds = _time(lambda: found.append(check_file(path, public)))
    if "O.1" not in str(found[0]):
        message = f"the bad cell was not named: {found[0]}"
        raise AssertionError(message)
    peak = peak_mib()
    theirs = _time(lambda: pd.read_csv(path))
    return {"seconds": seconds, "theirs": theirs, "before": before, "peak": peak}


def rows(report: Progress) -> list[dict[str, object]]:
    """The table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        report.note("drawing a release")
        root = str(_release(folder))
        csv, releases = str(folder / "csv"), str(folder / "back")
        Path(releases).mkdir()
        report.note("export")
        ours, theirs = apart(STEP, "out", root, csv), apart(STEP, "out_pandas", root, csv)
        report.note("import")
        read, copied = apart(STEP, "back", csv, releases), apart(STEP, "back_pandas", csv, releases)
        n = theirs["rows"]
        report.note("check")
        checked = apart(STEP, "check", root, scratch)
    rate = n / ours["seconds"] / 1e6
    read_rate = n / read["seconds"] / 1e6
    return [
        row(
            f"export of {n:,.0f} observations to CSV, whole release",
            rate,
            "M rows/s",
            f"memory <= {FLAT} MiB",
            ours["peak"] <= FLAT,
            f"pandas.to_csv, test light curves alone: {n / theirs['seconds'] / 1e6:.2f}; {ours['peak']:.0f} MiB",
            theirs["seconds"] / ours["seconds"],
        ),
        row(
            "import of the same files, sorted, committed to, as Parquet",
            read_rate,
            "M rows/s",
            f"memory <= {FLAT} MiB",
            read["peak"] <= FLAT,
            f"pandas.read_csv to Parquet, test light curves alone: {n / copied['seconds'] / 1e6:.2f}; "
            f"{read['peak']:.0f} MiB",
            copied["seconds"] / read["seconds"],
        ),
        row(
            f"check of a CSV submission of {OBJECTS:,} rows, the last one bad",
            checked["seconds"],
            "s",
            f"memory <= {FLAT} MiB",
            checked["peak"] <= FLAT,
            f"pandas.read_csv {checked['theirs']:.1f} s; {checked['peak']:.0f} MiB",
            checked["theirs"] / checked["seconds"],
        ),
    ]


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(json.dumps(globals()[name](*arguments)))
