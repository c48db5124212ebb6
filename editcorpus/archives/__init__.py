"""Pictures by their path, wherever a published corpus keeps them: in a folder tree or in archives.

    from editcorpus.archives.archive import Archive
    from editcorpus.archives.folder import Folder
    from editcorpus.archives.members import Joined, missing
    from editcorpus.archives.parts import archives_among

    parts = archives_among(urls_of_all_files)
    tars = [Archive.opened(one, inputs, store) for one in parts]
    pictures = Joined([*tars, Folder("s3://bucket/seed/images", inputs)])
    for path in pictures.in_order(paths_of_a_shard):
        data = pictures.read(path, most_bytes=64 << 20)  # None: there is no such picture
    if not pictures.complete:
        print(pictures.problem)

The first process that opens an archive reads it through once; what it finds stays in the store, and
from then on any picture is a read of its own. Nothing is unpacked to disk.
"""
