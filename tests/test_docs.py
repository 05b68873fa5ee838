"""The documentation: links lead somewhere, tables name what there is, tutorials are compared."""

import importlib.util
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parent.parent / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="a source distribution has no docs")


def script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_of_the_repository_lead_somewhere() -> None:
    links = script("links")
    pages = [*(links.ROOT / name for name in links.PAGES), *DOCS.rglob("*.md")]
    assert [text for page in pages for text in links.broken(page)] == []


def test_broken_links_are_named(tmp_path: Path) -> None:
    own = "https://github.com/napari-srgan/napari-srgan/blob/main"
    page = tmp_path / "page.md"
    page.write_text(
        f"# A title\n[a](#a-title) [b](#none) [c](none.md) [d]({own}/none.md)"
        f" [e]({own}/docs/kept.md#none) [f]({own}/docs/kept.md) [g](https://elsewhere.org/none)"
    )
    said = list(script("links").broken(page))
    assert [text.rsplit(": ", 2)[1] for text in said] == [
        "#none",
        "none.md",
        f"{own}/none.md",
        f"{own}/docs/kept.md#none",
    ]


def test_readme_is_short() -> None:
    assert len((DOCS.parent / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_command_line_page_names_every_command_and_option() -> None:
    import typer

    from napari_srgan.cli import app

    page = "\n".join(script("hooks").napari_srgan())
    group: Any = typer.main.get_command(app)
    assert group.commands
    for name, command in group.commands.items():
        part = page.partition(f"## napari-srgan {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            named = parameter.metavar if parameter.param_type_name == "argument" else None
            assert f"`{named or parameter.opts[0]}" in part


def test_configuration_page_names_every_setting_with_its_default() -> None:
    from srgan_training.config import schema

    page = "\n".join(script("hooks").configuration())
    properties = schema()["properties"]
    assert all(f"| `{name}` |" in page for name in properties)
    assert f"| `steps` | integer ≥ 1 | `{properties['steps']['default']}` |" in page


def test_settings_page_names_the_live_view() -> None:
    page = "\n".join(script("hooks").settings())
    assert "| Live view on opening | boolean | `true` |" in page


def test_page_on_files_shows_the_table_of_the_registry() -> None:
    from napari_srgan.io import FORMATS

    page = (DOCS / "how-to" / "files.md").read_text(encoding="utf-8")
    filled = script("hooks").on_page_markdown(page)
    assert "<!-- formats -->" in page
    assert "<!-- formats -->" not in filled
    for entry in FORMATS:
        (row,) = [line for line in filled.splitlines() if line.startswith(f"| {entry.name} |")]
        assert all(f"`{suffix}`" in row for suffix in (*entry.suffixes, *entry.written))


def test_example_of_a_format_reads_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code on the page is what a format of the registry has to be."""
    import numpy as np
    from PIL import Image

    from napari_srgan.io import ImageFile, signatures
    from napari_srgan.io.formats import Format

    page = (DOCS / "how-to" / "add-a-format.md").read_text(encoding="utf-8")
    module, signature, entry, factory = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    pgm = types.ModuleType("napari_srgan.io.pgm")
    pgm.__package__ = "napari_srgan.io"
    monkeypatch.setitem(sys.modules, pgm.__name__, pgm)
    exec(module, vars(pgm))
    names: dict[str, Any] = {"Path": Path, "Pixels": Any, "Image": Image}
    exec(signature, names)
    monkeypatch.setattr(signatures, "is_pgm", names["is_pgm"], raising=False)
    new = eval(entry, {"Format": Format, "signatures": signatures})
    plane = np.arange(600, dtype="uint16").reshape(20, 30)
    names["PLANE"] = plane
    exec(factory, names)

    path = tmp_path / "a.pgm"
    pixels, axes = names["make_pgm"](path)
    assert new.recognise(path, signatures.head_of(path))
    (read,) = new.read(path, None)
    assert (read.axes, read.data.dtype) == (axes, pixels.dtype)
    assert np.array_equal(read.data, pixels)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"a\.pgm: cannot be read \(the file ends early"):
        new.read(path, None)
    image = ImageFile(plane, "YX")
    new.check(path, image)
    new.write(path, image, "")
    for limit in (None, 1):
        (read,) = new.read(path, limit)
        assert read.data.dtype == plane.dtype
        assert np.array_equal(np.asarray(read.data), plane)
    with pytest.raises(ValueError, match=r"a\.pgm: a PGM holds one grey image"):
        new.check(path, ImageFile(plane.astype("float32"), "YX"))


PAGE = "```python\nx = 2\nprint(x)\n```\n\n```text\n{}\n```\n\n```sh\necho took 3 s\n```\n"


@pytest.mark.parametrize(("said", "differing"), [("2", 0), ("3", 1)])
def test_tutorial_that_prints_something_else_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: str, differing: int
) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(said) + "\n```text\ntook 4 s\n```\n")
    assert script("follow").main([page], write=False) == differing
    assert ("+2" in capsys.readouterr().out) == bool(differing)


def test_tutorials_print_what_their_pages_say_they_do() -> None:
    """Every page shows what its blocks print, so that no figure is typed by hand."""
    for page in (DOCS / "tutorials").glob("*.md"):
        blocks = script("follow").BLOCK.findall(page.read_text(encoding="utf-8"))
        shown = [code for _, kind, code in blocks if kind == "text"]
        assert len(shown) >= 4
        assert all(code.strip() for code in shown)
