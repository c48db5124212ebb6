"""The layouts that there are, by their names."""

from editcorpus.layouts import (
    gpt_image_edit,
    kontext,
    multi_turn,
    parquet_copy,
    scaleedit,
    webdataset,
)
from editcorpus.layouts.layout import Layout

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        parquet_copy.LAYOUT,
        gpt_image_edit.LAYOUT,
        webdataset.LAYOUT,
        kontext.LAYOUT,
        scaleedit.LAYOUT,
        scaleedit.NARROW,
        multi_turn.LAYOUT,
    )
}
"""In the order in which the command line shows them."""
