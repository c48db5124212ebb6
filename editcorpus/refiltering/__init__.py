"""Another corpus out of a finished run, with other thresholds: nothing is paid, no picture is decoded.

Every figure that a verdict hangs on stands in the columns of a run, so that a verdict can be taken anew
(`deciding.py`), all of them be held against what stands (`difference.py`), and the corpus be copied from
what is there (`copying.py`, `closing.py`).
"""
