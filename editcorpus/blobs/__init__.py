"""Columns of bytes in parquet files, value by value, in memory that follows a value and not a page.

Arrow writes at least 1,024 values to a page, and reads a page as a whole, packed and unpacked: of pictures
of 0.5 MB that is 1 GB for each column. Here pages are unpacked as their values are asked for, and where
they refer to a dictionary, that is unpacked beside them. What a page announces is checked before memory is
set aside for it. Only what files of pictures use is read: `readable` says whether a column is such.

Sources: Apache Parquet format 2.12 (`parquet.thrift`, Encodings.md); google/snappy,
`format_description.txt`.
"""

from editcorpus.blobs.columns import Column, blobs, readable
from editcorpus.blobs.streams import LARGEST, Fetch

__all__ = ["LARGEST", "Column", "Fetch", "blobs", "readable"]
