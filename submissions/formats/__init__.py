"""One file per file format, each a ``PredictionFile``: a checked header, and rows in bounded batches."""
