"""One published dataset a file: its layout, its licence and how a row becomes a triplet."""
