"""Whether damaged files of every kind are read or refused in a sentence, quickly, in little memory.

Run as ``python -m benchmarks.fuzz --mutants 100000 --seed 0``. Small valid files are damaged (their
bytes, their length, and the tags, JSON, XML and text in them) and opened in a process of its own.
What comes must be sound images, or a ValueError, OSError or MemoryError that names the file; in
less than 2 s and 500 MB, with no other exception or warning. A table of each kind and all failures
are printed; the exit code is 1 if there are any. ``--only NUMBER --keep FOLDER`` makes one mutant
again, writes it into a folder and opens it here.
"""
