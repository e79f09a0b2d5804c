"""What programs read of a release: every format holds the numbers of board.json, and text of others stays text."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest

from blindsky.challenges.release import Release
from blindsky.leaderboard import exports, flat
from blindsky.leaderboard.boards import ReleaseView, board_tables
from blindsky.leaderboard.feed import feed
from blindsky.leaderboard.site import render
from blindsky.submissions.arena import Arena

HOSTILE = '=1+1</TD><script>"&]]>\uffff{{ 7*7 }}\\input{x}'
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def view(entry: Any, release: Any) -> ReleaseView:
    """Two boards; a hostile name, an undefined value, and one entry that only one board holds."""
    made: ReleaseView = release(
        entry("a", 0.5),
        entry("b", 0.7, team=HOSTILE, method=HOSTILE, fields=("x",)),
        entry("c", None),
        entry("best", 0.1, kind="ceiling"),
        status="revealed",
        revealed_on="2026-12-01T10:00:00Z",
    )
    return made


@pytest.fixture
def files(view: ReleaseView) -> dict[str, str | bytes]:
    tables = [table for part in view.parts for table in board_tables(view, part)]
    return exports.files(view, tables, ())


def expected(files: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of board.json, flat."""
    found = []
    for board in json.loads(files["board.json"])["boards"]:
        for row in board["rows"]:
            place = {key: row[key] for key in ("rank", "rank_low", "rank_high", "tie", "entry", "team")}
            numbers = {
                f"{key}{end}": cell[name]
                for key, cell in row["metrics"].items()
                for end, name in (("", "value"), ("_low", "low"), ("_high", "high"))
            }
            found.append({"board": board["board"], "part": board["part"], **place, **numbers})
    return found


def number(value: Any) -> float | None:
    """A number of any of the formats; None where it is undefined."""
    empty = value is None or value == "" or value is np.ma.masked or np.isnan(float(value))
    return None if empty else float(value)


@pytest.mark.parametrize("name", ["board.csv", "board.parquet", "board.vot"])
def test_every_format_holds_the_rows_of_the_json(files: dict[str, Any], name: str) -> None:
    if name == "board.csv":
        found = list(csv.DictReader(io.StringIO(files[name])))
    elif name == "board.parquet":
        import pyarrow.parquet as pq

        found = pq.read_table(io.BytesIO(files[name])).to_pylist()
    else:
        from astropy.io.votable import parse_single_table

        table = parse_single_table(io.BytesIO(files[name].encode()), verify="exception").to_table()
        found = [dict(zip(table.colnames, row, strict=True)) for row in table.iterrows()]
    wanted = expected(files)
    assert len(found) == len(wanted) == 4 * 3 + 3 * 3
    for row, right in zip(found, wanted, strict=True):
        for key in ("board", "part", "tie", "entry"):
            assert str(row[key]) == right[key]
        for key in ("rank", "rank_low", "rank_high"):
            assert int(row[key]) == right[key]
        for key in ("loss", "loss_low", "loss_high", "bias", "norm", "share"):
            assert number(row[key]) == right.get(key), f"{name}: {key} of {right['entry']}"


def test_names_of_others_stay_text(files: dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    rows = list(csv.DictReader(io.StringIO(files["board.csv"])))
    assert {r["team"] for r in rows if r["entry"] == "b"} == {f"'{HOSTILE}"}, "no formula"
    assert all(not cell.startswith(("=", "@", "+")) for r in rows for cell in r.values())
    table = pq.read_table(io.BytesIO(files["board.parquet"])).to_pylist()
    assert {r["team"] for r in table if r["entry"] == "b"} == {HOSTILE}
    root = ET.fromstring(files["board.vot"])
    cells = {cell.text for cell in root.iter("{http://www.ivoa.net/xml/VOTable/v1.3}TD")}
    assert HOSTILE.replace("\uffff", "\N{REPLACEMENT CHARACTER}") in cells


def test_a_column_says_its_unit(files: dict[str, Any]) -> None:
    import pyarrow.parquet as pq

    field = pq.read_schema(io.BytesIO(files["board.parquet"])).field("loss_low")
    assert field.metadata == {b"unit": b"", b"description": b"low end of the interval of Title of loss"}


def test_the_band_of_a_perfect_entry_is_no_interval_of_the_value(files: dict[str, Any]) -> None:
    header = files["board.csv"].splitlines()[0].split(",")
    assert {"norm", "norm_null_low", "norm_null_high"} <= set(header) and "norm_low" not in header


def test_units_of_the_standard_are_units_to_astropy() -> None:
    from astropy.io.votable import parse_single_table
    from astropy.units import Unit

    found = [flat.Column(f"c{k}", "float", unit, "", [1.0]) for k, unit in enumerate(sorted(flat.STANDARD))]
    found.append(flat.Column("other", "float", "nat", "", [1.0]))
    text = flat.as_votable(found, "name", "")
    table = parse_single_table(io.BytesIO(text.encode()), verify="exception").to_table()
    assert [table[c.name].unit for c in found[:-1]] == [Unit(c.unit) for c in found[:-1]]
    assert table["other"].unit is None


def test_an_empty_board_is_an_empty_table(release: Any) -> None:
    import pyarrow.parquet as pq

    view = release()
    files = exports.files(view, board_tables(view, "public"), ())
    assert pq.read_table(io.BytesIO(files["board.parquet"])).num_rows == 0
    assert len(files["board.csv"].splitlines()) == 1


def test_the_feed_is_atom(view: ReleaseView) -> None:
    folder = {view.release_id: "folder"}
    text = feed([(view, board_tables(view, "private"))], folder)
    root = ET.fromstring(text.encode())
    news = root.findall(f"{ATOM}entry")
    ids = [one.findtext(f"{ATOM}id", "") for one in news]
    assert len(set(ids)) == len(ids) == 2 + 2 + 3, (
        "opened and revealed, three on the main board, two on the other"
    )
    assert all(i.startswith("urn:uuid:") for i in ids)
    dates = [one.findtext(f"{ATOM}updated", "") for one in news]
    assert dates == sorted(dates, reverse=True)
    assert root.findtext(f"{ATOM}updated") == dates[0] == "2026-12-01T10:00:00Z"
    links = {link.get("href") for one in news for link in one.findall(f"{ATOM}link")}
    assert links == {"folder/index.html"}
    assert "best" not in "".join(one.findtext(f"{ATOM}title", "") for one in news), (
        "what reads the truth is no news"
    )
    assert any("<script>" in one.findtext(f"{ATOM}title", "") for one in news), (
        "escaped, so it comes back whole"
    )
    assert feed([], {}).count("<entry>") == 0


def test_news_keep_their_ids(view: ReleaseView) -> None:
    def ids(text: str) -> set[str]:
        return {one.findtext(f"{ATOM}id", "") for one in ET.fromstring(text.encode()).findall(f"{ATOM}entry")}

    first = ids(feed([(view, board_tables(view, "private"))], {view.release_id: "a"}))
    fewer = replace(view, entries=view.entries[:1])
    second = ids(feed([(fewer, board_tables(fewer, "private"))], {view.release_id: "b"}))
    assert second < first


def test_links_of_the_feed_lead_to_pages_wherever_the_site_lies(view: ReleaseView) -> None:
    """As a reader resolves them: against the address that the feed was fetched from."""
    site = render([view])
    root = ET.fromstring(str(site["feed.xml"]).encode())
    for folder in ("https://example.org/", "https://example.org/a/b/"):
        links = [
            (link.get("rel"), urljoin(f"{folder}feed.xml", str(link.get("href"))))
            for link in root.iter(f"{ATOM}link")
        ]
        assert all(link.startswith(folder) and link.removeprefix(folder) in site for _, link in links)
        assert ("self", f"{folder}feed.xml") in links and ("alternate", f"{folder}index.html") in links
    assert all(urlsplit(one.text or "").scheme for one in root.iter(f"{ATOM}id")), "an id is never relative"


def test_bibtex_names_what_the_declaration_names_and_invents_nothing(view: ReleaseView) -> None:
    works = (
        "Doe 2019, A&A 1, 2, arXiv:1901.00001 (method)",
        "Roe 2001, astro-ph/0102341; Poe 2020, MNRAS 3, 4, doi:10.1093/mnras/ab_c}1",
        "Zoe 2021, A&A 3, doi:10.1051/0004-6361/201832797, arXiv:2101.00002 (data)",
        "Nobody 2022, ApJ 5, 6 (grids)",
    )
    asked = replace(view, challenge=replace(view.challenge, citations=works))
    text = str(exports.files(asked, [], ())["cite.bib"])
    found = dict(re.findall(r"@misc\{toy-(\d),\n(.*?)\n\}", text, re.S))
    fields = {k: dict(re.findall(r"  (\w+) = \{(.*)\},", body)) for k, body in found.items()}
    assert fields["1"]["eprint"] == "1901.00001" and fields["1"]["archiveprefix"] == "arXiv"
    assert fields["1"]["url"] == "https://arxiv.org/abs/1901.00001"
    assert fields["1"]["title"] == r"{Doe 2019, A\&A 1, 2 (method)}"
    assert fields["2"]["eprint"] == "astro-ph/0102341" and "doi" not in fields["2"]
    assert fields["3"]["doi"] == "10.1093/mnras/ab", "nothing that TeX reads"
    assert fields["4"]["doi"] == "10.1051/0004-6361/201832797" and fields["4"]["eprint"] == "2101.00002"
    assert fields["4"]["url"] == "https://doi.org/10.1051/0004-6361/201832797"
    assert not {"doi", "url", "eprint"} & set(fields["5"])


def test_bibtex_is_balanced_and_tame(view: ReleaseView) -> None:
    challenge = replace(
        view.challenge, citations=("Doe & Roe 2019, ApJ 1, 2 (50 % of it); Poe 2020, A&A 3, 4", "An atlas")
    )
    found = exports.files(replace(view, challenge=challenge, title="Toy_1: 100 %"), [], ())["cite.bib"]
    assert isinstance(found, str)
    assert found.count("@misc{") == 1 + 3
    assert found.count("@software{") == 1
    assert r"Doe \& Roe" in found
    assert r"Toy\_1: 100 \%" in found
    assert "year = {2019}" in found
    assert "year = {2020}" in found
    assert "sha256 of its manifest: " + "d" * 64 in found
    for block in found.split("\n\n"):
        depth = 0
        for c in block.replace(r"\{", "").replace(r"\}", ""):
            depth += (c == "{") - (c == "}")
            assert depth >= 0
        assert depth == 0


READ = """
import json, sys
import mlcroissant

dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
rows = list(dataset.records("train"))
print(json.dumps({
    "errors": sorted(map(str, dataset.metadata.ctx.issues.errors)),
    "files": {f.id: f.sha256 for f in dataset.metadata.distribution},
    "ids": [int(row["train/object_id"]) for row in rows],
    "x": [float(row["train/x"]) for row in rows],
}))
"""


def test_croissant_describes_a_release_as_it_lies_there(toy_release: Release) -> None:
    """Validated by the reference implementation, which then reads the rows and checks the sha256 of each file.

    In a process of its own, because it takes the loggers of the one it runs in.
    """
    if find_spec("mlcroissant") is None:
        pytest.skip("mlcroissant is not installed (extra dev)")
    from blindsky.leaderboard.publish import view as view_of

    view = view_of(Arena(toy_release.root.parents[1]), toy_release)
    path = toy_release.public.root / "croissant.json"
    path.write_text(str(exports.files(view, [], ())["croissant.json"]))
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["errors"]
    assert found["files"] == {f["path"]: f["sha256"] for f in toy_release.public.manifest["files"]}
    table = toy_release.public.table("train")
    assert found["ids"] == table["object_id"].tolist()
    assert found["x"] == pytest.approx(table["x"].tolist())


def test_croissant_names_where_the_data_are(toy_release: Release) -> None:
    from blindsky.leaderboard.publish import view as view_of

    arena = Arena(toy_release.root.parents[1])
    (arena.root / "arena.toml").write_text('data_url = "https://example.org/data/"\n')
    found = json.loads(str(exports.files(view_of(arena, toy_release), [], ())["croissant.json"]))
    assert found["url"] == "https://example.org/data/toy-original/"
    assert {f["contentUrl"].rpartition("toy-original/")[0] for f in found["distribution"]} == {
        "https://example.org/data/"
    }


def test_the_same_data_give_the_same_bytes(view: ReleaseView) -> None:
    other = replace(view, entries=view.entries[::-1])
    assert render([view]) == render([other])


def test_before_the_reveal_the_numbers_are_those_of_the_page(
    entry: Any, release: Any, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    exact = 0.512345678
    hidden = {part: {"loss": 0.987654321} for part in ("private", "all")}
    view = release(entry("a", exact, values=hidden), entry("b", 0.7))
    files = exports.files(view, board_tables(view, "public"), ())
    rows = pq.read_table(io.BytesIO(files["board.parquet"])).to_pylist()
    assert {r["loss"] for r in rows if r["entry"] == "a"} - {None} == {0.51}
    text = b"".join(c if isinstance(c, bytes) else c.encode() for c in files.values())
    assert b"0.5123" not in text
    assert b"0.9876" not in text
