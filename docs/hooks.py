"""Fills pages of the site with what the program says of itself.

A page holds ``<!-- commands napari-srgan -->``, ``<!-- commands srgan-train -->``,
``<!-- configuration -->``, ``<!-- settings -->``, ``<!-- models -->`` or ``<!-- formats -->``,
which `mkdocs build` replaces by tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

MARK = re.compile(r"^<!-- (commands napari-srgan|commands srgan-train|[a-z]+) -->$", re.M)
ROOT = Path(__file__).parent.parent


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks of a page; mkdocs calls this for every page."""

    def fill(mark: re.Match[str]) -> str:
        writer = WRITERS.get(mark[1])
        return mark[0] if writer is None else "\n".join(writer())

    return MARK.sub(fill, markdown)


def cell(text: object) -> str:
    """Return a text that fits into a cell of a table."""
    return " ".join(str(text).replace("|", "\\|").replace("``", "`").split())


def commands(program: str, app: typer.Typer) -> Iterator[str]:
    """Describe every command of a program as its ``--help`` does."""
    group: Any = typer.main.get_command(app)
    context = group.make_context(program, [], resilient_parsing=True)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        own = command.make_context(name, [], parent=context, resilient_parsing=True)
        usage = " ".join(command.collect_usage_pieces(own))
        yield from (f"## {program} {name}", "", command.help or "", "")
        yield from ("```text", f"{program} {name} {usage}", "```", "")
        rows = list(map(parameter, command.params))
        if rows:
            yield from ("| | | default |", "|---|---|---|", *rows, "")


def parameter(given: Any) -> str:
    """Describe an argument or an option in a row."""
    names = ", ".join((*given.opts, *given.secondary_opts))
    if given.param_type_name == "argument":
        names = given.metavar or given.name.upper()
    default = "" if given.default is None or given.default == () else f"`{given.default}`"
    if isinstance(given.default, bool):
        default = "yes" if given.default else "no"
    if given.required:
        default = "required"
    return f"| `{names}` | {cell(given.help or '')} | {default} |"


def napari_srgan() -> Iterator[str]:
    """Describe ``napari-srgan``."""
    from napari_srgan.cli import app

    return commands("napari-srgan", app)


def srgan_train() -> Iterator[str]:
    """Describe ``srgan-train``."""
    from srgan_training.cli import app

    return commands("srgan-train", app)


def configuration() -> Iterator[str]:
    """Describe the configuration of a training from its JSON schema."""
    from srgan_training.config import schema

    whole = schema()
    parts = [("The run", whole), *whole["$defs"].items()]
    for title, part in parts:
        if "properties" not in part:
            continue
        about = "" if title == "The run" else part.get("description", "")
        yield from (f"## {title}", "", cell(about), "")
        yield from ("| name | value | default | |", "|---|---|---|---|")
        for name, entry in part["properties"].items():
            default = f"`{said(entry['default'])}`" if "default" in entry else "required"
            about = cell(entry.get("description", ""))
            yield f"| `{name}` | {cell(kind(entry))} | {default} | {about} |"
        yield ""


def kind(entry: dict[str, Any]) -> str:
    """Say which values a name of the configuration takes."""
    if "$ref" in entry:
        return str(entry["$ref"].rsplit("/", 1)[-1])
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{entry['const']}`"
    if "anyOf" in entry:
        return " or ".join(map(kind, entry["anyOf"]))
    name = str(entry.get("type", "any"))
    if name == "array":
        items = entry.get("items") or {}
        return f"list of {kind(items)}" if items else "list"
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "multipleOf": "multiple of"}
    within = [f"{sign} {entry[key]}" for key, sign in limits.items() if key in entry]
    return " ".join([{"null": "none"}.get(name, name), ", ".join(within)]).strip()


def said(value: object) -> str:
    """Return a value as YAML writes it."""
    return str(yaml.safe_dump(value, default_flow_style=True)).splitlines()[0]


def settings() -> Iterator[str]:
    """Describe the plugin's settings from its manifest."""
    manifest = yaml.safe_load((ROOT / "src/napari_srgan/napari.yaml").read_text("utf-8"))
    for page in manifest["contributions"]["configurations"].values():
        yield from (
            f"## {page['title']}",
            "",
            "| setting | value | default | |",
            "|---|---|---|---|",
        )
        for entry in page["properties"].values():
            about = cell(entry["description"])
            default = said(entry["default"])
            yield f"| {entry['title']} | {cell(kind(entry))} | `{default}` | {about} |"
        yield ""


def models() -> Iterator[str]:
    """List the shipped models with what their cards say."""
    from napari_srgan.models import read_card
    from napari_srgan.models.registry import SHIPPED

    for path in sorted(SHIPPED.glob("*.safetensors")):
        card = read_card(path)
        if card.end != "fidelity":
            continue
        both = (SHIPPED / f"{path.stem}-adversarial{path.suffix}").is_file()
        yield from (f"### {card.name}", "", card.description, "", "| | |", "|---|---|")
        rows = {
            "Scale, channels": f"×{card.scale}, {card.channels}",
            "`detail`": "0 to 1" if both else "0 only",
            "Not for": card.not_for,
            "Trained on": card.trained_on,
            "LR images made by": card.degradation,
            "Licence of the weights": card.licence,
            "Licence of the images": card.data_licence,
        }
        yield from (f"| {name} | {cell(text)} |" for name, text in rows.items())
        yield ""


def formats() -> Iterator[str]:
    """List the file formats from their registry."""
    from napari_srgan.io.formats import table

    yield table()


WRITERS: dict[str, Callable[[], Iterator[str]]] = {
    "commands napari-srgan": napari_srgan,
    "commands srgan-train": srgan_train,
    "configuration": configuration,
    "settings": settings,
    "models": models,
    "formats": formats,
}
