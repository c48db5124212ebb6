"""The page on which a person looks at triplets: kept, rejected and failed, side by side."""

from editcorpus.gallery.entries import GalleryEntry
from editcorpus.gallery.mask import change_overlay
from editcorpus.gallery.page import write_gallery

__all__ = ["GalleryEntry", "change_overlay", "write_gallery"]
