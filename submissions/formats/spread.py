"""A table with one row a case and a column for each of its items, read as one with a row an item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from blindsky.challenges.prediction import Item, Prediction, Spread
from blindsky.submissions.formats.common import Chunk, ColumnInfo, PredictionFile


def gathered(file: PredictionFile, prediction: Prediction) -> PredictionFile:
    """The file, or the same with a row an item where its header is that of the challenge's spread form."""
    form, item = prediction.spread, prediction.item
    names = [column.name for column in file.columns]
    if form is None or item is None or sorted(names) != sorted((form.key, *form.columns)):
        return file
    return Gathered(file, prediction.key, form, item)


class Gathered(PredictionFile):
    """Rows of items, those of a case one after another; they bear the number of its row."""

    def __init__(self, file: PredictionFile, key: str, form: Spread, item: Item) -> None:
        super().__init__(file.path, file.limits, file.log)
        self.format, self.text, self.spread = file.format, file.text, form
        self._held.callback(file.close)
        self._file, self._key, self._form, self._item = file, key, form, item
        known = {column.name: column for column in file.columns}
        field = known[form.columns[0]]
        self.columns = (
            ColumnInfo(key, known[form.key].kind, known[form.key].detail),
            ColumnInfo(item.name, "integer", "int64"),
            ColumnInfo(form.field, field.kind, field.detail),
        )
        self.n_rows = None if file.n_rows is None else file.n_rows * len(form.columns)

    def batches(self, n: int, columns: Sequence[str]) -> Iterator[Chunk]:
        """The columns named, in chunks of at most ``n`` rows."""
        import pyarrow as pa

        items = len(self._form.columns)
        for chunk in self._file.batches(max(1, n // items), (self._form.key, *self._form.columns)):
            cases = len(chunk.rows)
            place = np.arange(items * cases).reshape(items, cases).T.ravel()
            held = pa.concat_arrays([chunk.columns[name] for name in self._form.columns])
            every = {
                self._key: chunk.columns[self._form.key].take(pa.array(np.repeat(np.arange(cases), items))),
                self._item.name: pa.array(np.tile(np.arange(items), cases)),
                self._form.field: held.take(pa.array(place)),
            }
            yield Chunk(np.repeat(chunk.rows, items), {name: every[name] for name in columns})
