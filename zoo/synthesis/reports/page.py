"""Sections of a report as one HTML page that needs no other file, and as Markdown beside its pictures."""

import base64
import re
from collections.abc import Iterator, Sequence
from html import escape

from zoo.synthesis.reports.blocks import Block, Conversation, Grid, Picture, Section, Sentences, Text

STYLE = """
:root { color-scheme: light; --ink: #1b1f24; --soft: #5d6670; --line: #d9dee3; --a: #eef4fa; --b: #fbf2ea; }
body { max-width: 54rem; margin: 2.5rem auto 5rem; padding: 0 1.25rem; color: var(--ink); background: #fff;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", Arial, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .35rem; }
p { max-width: 42rem; margin: .6rem 0; overflow-wrap: anywhere; }
.loud { max-width: none; padding: .8rem 1rem; border-left: 4px solid #d55e00; background: #fdf3ec; font-weight: 600; }
.scroll { overflow-x: auto; margin: 1rem 0 1.5rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { caption-side: top; text-align: left; color: var(--soft); padding-bottom: .35rem; }
th, td { padding: .28rem .9rem .28rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { border-bottom-color: #8a939c; font-weight: 600; vertical-align: bottom; overflow-wrap: normal; }
.number { text-align: right; overflow-wrap: normal; white-space: nowrap; }
th.number { white-space: normal; }
img { display: block; max-width: 100%; height: auto; margin: 1rem 0; }
ul { margin: .2rem 0; padding-left: 1.1rem; }
li { margin: .1rem 0; overflow-wrap: anywhere; }
.note { color: var(--soft); font-size: .85em; }
.personas { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem 2rem; font-size: .92rem; }
.personas h4, .sentences h4 { margin: 0 0 .2rem; font-size: .92rem; }
.sentences { margin: 1rem 0; font-size: .95rem; }
.talk { margin: 1rem 0 2rem; padding: 0; list-style: none; display: flex; flex-direction: column; gap: .4rem; }
.talk li { max-width: 72%; padding: .4rem .8rem; border-radius: .9rem; white-space: pre-wrap; }
.talk .a { align-self: flex-start; background: var(--a); border-bottom-left-radius: .2rem; }
.talk .b { align-self: flex-end; background: var(--b); border-bottom-right-radius: .2rem; }
.talk b { color: var(--soft); font-weight: 600; margin-right: .45rem; }
@media (max-width: 40rem) { .personas { grid-template-columns: 1fr; } .talk li { max-width: 90%; } }
@media print { body { margin: 0; max-width: none; } .talk li, img, tr { break-inside: avoid; } }
"""

NOTHING_SAID = '<i class="note">(nothing)</i>'


def html_page(title: str, sections: Sequence[Section]) -> str:
    """The whole page; the first section's blocks stand above all headings."""
    body = "\n".join(_html_sections(sections))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def markdown_page(title: str, sections: Sequence[Section], pictures: str = "figures") -> str:
    """The same in Markdown; pictures are looked for in the folder `pictures` beside it."""
    lines = [f"# {plain(title)}", ""]
    for number, section in enumerate(sections):
        if number:
            lines += [f"## {plain(section.title)}", ""]
        for block in section.blocks:
            lines += [*_markdown(block, pictures), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def markdown_table(grid: Grid) -> list[str]:
    """The lines of a table."""
    marks = ["---:" if grid.numeric(column) else "---" for column in range(len(grid.header))]
    rows = [f"| {' | '.join(map(plain, row))} |" for row in [grid.header, *grid.rows]]
    return [rows[0], f"|{'|'.join(marks)}|", *rows[1:]]


def _html_sections(sections: Sequence[Section]) -> Iterator[str]:
    for number, section in enumerate(sections):
        if number:
            yield f"<h2>{escape(section.title)}</h2>"
        yield from map(_html, section.blocks)


def _html(block: Block) -> str:
    match block:
        case Text(text, loud):
            return f'<p class="loud">{escape(text)}</p>' if loud else f"<p>{escape(text)}</p>"
        case Grid():
            return _html_table(block)
        case Picture(_, png, _, alt):
            source = base64.b64encode(png).decode("ascii")
            return f'<img alt="{escape(alt)}" src="data:image/png;base64,{source}">'
        case Sentences(title, sentences, notes):
            return f'<div class="sentences"><h4>{escape(title)}</h4>{_html_list(sentences, notes)}</div>'
        case Conversation(dialogue, scores):
            personas = "".join(
                f"<div><h4>{name}’s persona</h4>"
                f"{_html_list(dialogue.personas[speaker], [f'{score:.2f}' for score in scores[speaker]])}</div>"
                for speaker, name in enumerate("AB")
            )
            said = "".join(
                f'<li class="{"ab"[turn % 2]}"><b>{"AB"[turn % 2]}</b>{escape(text) or NOTHING_SAID}</li>'
                for turn, text in enumerate(dialogue.utterances)
            )
            return f'<h3>{escape(dialogue.id)}</h3><div class="personas">{personas}</div>\n<ol class="talk">{said}</ol>'


def _html_table(grid: Grid) -> str:
    kinds = [' class="number"' if grid.numeric(column) else "" for column in range(len(grid.header))]
    head = "".join(f"<th{kind}>{escape(cell)}</th>" for kind, cell in zip(kinds, grid.header, strict=True))
    rows = "\n".join(
        f"<tr>{''.join(f'<td{kind}>{escape(cell)}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>"
        for row in grid.rows
    )
    caption = f"<caption>{escape(grid.caption)}</caption>" if grid.caption else ""
    return (
        f'<div class="scroll"><table>{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
    )


def _html_list(sentences: Sequence[str], notes: Sequence[str]) -> str:
    behind = [f' <span class="note">{escape(note)}</span>' for note in notes] or [""] * len(sentences)
    return f"<ul>{''.join(f'<li>{escape(s)}{note}</li>' for s, note in zip(sentences, behind, strict=True))}</ul>"


def _markdown(block: Block, pictures: str) -> list[str]:
    match block:
        case Text(text, loud):
            return [f"**{plain(text)}**" if loud else plain(text)]
        case Grid():
            return [*([plain(block.caption), ""] if block.caption else []), *markdown_table(block)]
        case Picture(name, _, _, alt):
            return [f"![{plain(alt)}]({pictures}/{name}.png)"]
        case Sentences(title, sentences, notes):
            return [f"{plain(title)}:", "", *_markdown_list(sentences, notes)]
        case Conversation(dialogue, scores):
            lines = [f"### {plain(dialogue.id)}", ""]
            for speaker, name in enumerate("AB"):
                notes = [f"{score:.2f}" for score in scores[speaker]]
                lines += [f"{name}’s persona:", "", *_markdown_list(dialogue.personas[speaker], notes), ""]
            said = [f"> **{'AB'[turn % 2]}:** {plain(text)}" for turn, text in enumerate(dialogue.utterances)]
            return [*lines, *"\n>\n".join(said).split("\n")]


def _markdown_list(sentences: Sequence[str], notes: Sequence[str]) -> list[str]:
    behind = [f" ({plain(note)})" for note in notes] or [""] * len(sentences)
    return [f"- {plain(sentence)}{note}" for sentence, note in zip(sentences, behind, strict=True)]


def plain(text: str) -> str:
    """Text in one line in which Markdown sees no mark of its own."""
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))
