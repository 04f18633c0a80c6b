"""Rows of an xlsx file as texts, with errors that name sheet, row and column."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import ParseError

from zoo.errors import UserError

COLUMN_LETTERS = "ABCDEFGH"


def read_sheet(path: Path, sheet: str, columns: Sequence[str], header: str) -> Iterator[tuple[int, list[str]]]:
    """Number (from 1) and cells of every row that is not blank; rows may have more columns than asked for.

    Args:
        path: the xlsx file.
        sheet: the sheet's name.
        columns: what the first columns hold, for messages; none of them may be empty, except one named "".
        header: a row that has this in its first cell is the header and is passed over.

    Raises:
        UserError: openpyxl is not installed, the file is absent or no xlsx, it has no such sheet, or a cell is empty or
            neither text nor number.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise UserError(
            f"Reading {path.name} needs openpyxl ({error}). Install the extra: pip install persona-zoo[ja]."
        ) from error
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (
        OSError,
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        ParseError,
        openpyxl.utils.exceptions.InvalidFileException,
    ) as error:
        raise UserError(f"{path} cannot be read as an xlsx file ({error}); get the file again.") from error
    try:
        if sheet not in workbook.sheetnames:
            raise UserError(
                f"{path} has no sheet {sheet!r}, only {', '.join(workbook.sheetnames)}; expected the file as its "
                "authors released it."
            )
        for row, values in enumerate(workbook[sheet].iter_rows(values_only=True), start=1):
            if all(value is None or not str(value).strip() for value in values):
                continue
            if str(values[0]).strip() == header:
                continue
            padded = [*values, *[None] * len(columns)]
            yield row, [_cell(path, sheet, row, place, name, padded[place]) for place, name in enumerate(columns)]
    finally:
        workbook.close()


def malformed(path: Path, sheet: str, row: int, reason: str) -> UserError:
    """The error for a row that cannot be used."""
    return UserError(f"{path}, sheet {sheet!r}, row {row}: {reason}. Mend the row, or get the file again.")


def _cell(path: Path, sheet: str, row: int, place: int, name: str, value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:g}" if isinstance(value, float) else str(value)  # an utterance may be a bare number
    text = "" if value is None else value
    if not isinstance(text, str) or (name and not text.strip()):
        found = "empty" if value is None or isinstance(value, str) else f"{value!r}, a {type(value).__name__}"
        raise malformed(path, sheet, row, f"column {COLUMN_LETTERS[place]} ({name}) is {found} where text was expected")
    return text.strip()
