"""The registry of file formats is whole: one entry has all that is needed to read and write."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import metadata
from pathlib import Path

import pytest

from napari_srgan import io
from napari_srgan.io.formats import COMPOUND, FORMATS, Format, table


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.name)
def test_every_function_of_an_entry_exists(entry: Format) -> None:
    named = [entry.reader, *([entry.writer, entry.checker] if entry.written else [])]
    for name in named:
        module, _, function = name.partition(":")
        assert callable(getattr(import_module(f"napari_srgan.io.{module}"), function))
    assert bool(entry.writer) == bool(entry.checker) == bool(entry.written)
    assert not entry.extra or entry.extra in (
        metadata("napari-srgan").get_all("Provides-Extra") or []
    )


def test_no_suffix_stands_for_two_formats() -> None:
    assert len(set(io.READABLE)) == len(io.READABLE)
    assert len(set(io.WRITABLE)) == len(io.WRITABLE)
    assert set(io.WRITABLE) <= set(io.READABLE)
    assert all(each.count(".") == 2 for each in COMPOUND)


def test_results_are_written_in_a_format_that_can_be_written() -> None:
    assert {each.result for each in FORMATS} <= set(io.WRITABLE)


def test_the_table_has_every_suffix() -> None:
    rows = table().splitlines()
    assert len(rows) == 2 + len(FORMATS)
    for entry, row in zip(FORMATS, rows[2:], strict=True):
        assert entry.name in row
        assert all(f"`{suffix}`" in row for suffix in entry.suffixes)


def test_a_zarr_whose_chunks_begin_like_dicom_is_no_series(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "0").write_bytes(bytes(128) + b"DICM")
    assert io.kind(tmp_path) == "DICOM"
    for name, content, kind in (
        (".zattrs", '{"multiscales": []}', "OME-Zarr"),
        (".zattrs", "{}", "DICOM"),
        (".zgroup", '{"zarr_format": 2}', ""),
    ):
        (tmp_path / name).write_text(content)
        assert io.kind(tmp_path) == kind
