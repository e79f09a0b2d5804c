"""``croissant.json``: a release as MLCommons Croissant 1.0 describes data sets, made of its public manifest alone.

Addresses are relative to the public part of the release, unless the organiser says where that can be downloaded; a
copy of the file in the folder ``public/`` describes it as it lies there. Images and densities have no fields, because
Croissant 1.0 has no arrays of fixed shape.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from blindsky.leaderboard.boards import ReleaseView
from blindsky.leaderboard.cite import bibtex

FORMATS = {
    ".parquet": "application/x-parquet",
    ".json": "application/json",
    ".md": "text/markdown",
    ".fits": "application/fits",
    ".bin": "application/octet-stream",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "samplingRate": "cr:samplingRate",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
}


def croissant(release: ReleaseView) -> str:
    """The description of a release as JSON-LD text."""
    files = release.public["files"]
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": release.release_id,
        "description": f"{release.title}. {release.challenge.description} {release.challenge.tracks[0].description}",
        "url": release.url or "index.html",
        "version": "1.0.0",
        "datePublished": release.created,
        "citeAs": bibtex(release),
        "isLiveDataset": False,
        "distribution": [_file(f, release.url) for f in files],
        "recordSet": [r for name, parts in _tables(files).items() if (r := _records(name, parts))["field"]],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _file(file: Mapping[str, Any], url: str) -> dict[str, Any]:
    path = str(file["path"])
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "description": ", ".join(filter(None, (str(file["role"]), str(file.get("split", ""))))),
        "contentUrl": f"{url}{path}",
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": FORMATS.get(PurePosixPath(path).suffix, "application/octet-stream"),
        "sha256": file["sha256"],
    }


def _tables(files: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The files of each table by its name: one, or the shards of a table of images."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for file in files:
        if "columns" in file:
            path = PurePosixPath(file["path"])
            name = path.parent.name or path.stem
            found.setdefault(name, []).append(file)
    return found


def _records(name: str, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The rows of a table; of one in shards, those of the first."""
    file, more = parts[0], len(parts) - 1
    rows = sum(part["rows"] for part in parts)
    words = f"{rows:,} rows" + (f" in {more + 1} files like this one" if more else "")
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": words,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "dataType": kind,
                "source": {"fileObject": {"@id": file["path"]}, "extract": {"column": column}},
            }
            for column, dtype in file["columns"].items()
            if (kind := _kind(dtype))
        ],
    }


def _kind(dtype: str) -> str:
    """The type of a plain column; nothing for lists and images."""
    if re.fullmatch(r"u?int\d+", dtype):
        return "sc:Integer"
    return {"float32": "sc:Float", "float64": "sc:Float", "bool": "sc:Boolean", "text": "sc:Text"}.get(
        dtype, ""
    )
