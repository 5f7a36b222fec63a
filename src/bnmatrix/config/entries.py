"""Adding entries to the text of a YAML file, without a change to the rest of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bnmatrix.config.yaml_files import read_yaml
from bnmatrix.errors import UserError

_INDENT = "  "


@dataclass(frozen=True)
class Declarations:
    """A file such as ``config/studies.yaml``, whose one key holds entries by name.

    Attributes:
        path: the file, which need not exist.
        key: its key, such as ``studies``.
        head: the comment that opens a new file.
    """

    path: Path
    key: str
    head: str

    def entry(self, name: str) -> Any:
        """Return the content of an entry; None if it is empty.

        Raises:
            KeyError: there is no such entry.
            UserError: the file is wrong.
        """
        return self._entries()[name]

    def block(self, name: str) -> str | None:
        """Return the lines of an entry as the file has them; None if there is no such entry."""
        found = self._lines(name)
        return None if found is None else _joined(self._text().splitlines()[slice(*found)])

    def edited(self, name: str, block: str) -> str:
        """Return the text of the file with an entry: in place of its namesake, or at the end.

        Args:
            name: its name.
            block: its lines, with the indentation of two spaces.

        Raises:
            UserError: the file cannot be edited as text; the message shows the entry.
        """
        before, text = self._entries(), self._text() or f"# {self.head}\n{self.key}:\n"
        lines, place = text.splitlines(), self._lines(name)
        if place is None:
            lines = [*_without_blank_end(lines), *([""] if before else []), *block.splitlines()]
        else:
            lines[slice(*place)] = block.splitlines()
        after = _joined(lines)
        wanted = {**before, name: yaml.safe_load(block)[name]}
        try:
            done = yaml.safe_load(after) == {self.key: wanted}
        except yaml.YAMLError:
            done = False
        if not done:
            raise UserError(
                f"{self.path}: its form does not allow to add an entry; write the lines below "
                f"'{self.key}:' by hand, and run again:\n{block}"
            )
        return after

    def _text(self) -> str:
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""

    def _entries(self) -> dict[str, Any]:
        content = read_yaml(self.path) if self.path.exists() else {}
        entries = content.get(self.key) or {}
        if set(content) - {self.key} or not isinstance(entries, dict):
            raise UserError(f"{self.path}: must hold entries below the key '{self.key}' alone")
        return entries

    def _lines(self, name: str) -> tuple[int, int] | None:
        """Return the first line of an entry and the line after its last, from 0."""
        if name not in self._entries():
            return None
        root: Any = yaml.compose(self._text(), Loader=yaml.SafeLoader)
        keys = [key for key, _ in root.value[0][1].value if key.value == name]
        first, column = keys[0].start_mark.line, keys[0].start_mark.column
        lines = self._text().splitlines()
        last = first
        for number in range(first + 1, len(lines)):
            stripped = lines[number].lstrip()
            if stripped and len(lines[number]) - len(stripped) <= column:
                break
            last = number if stripped else last
        return first, last + 1


def block_of(name: str, entry: Mapping[str, Any], notes: Mapping[str, str], more: list[str]) -> str:
    """Return the lines of an entry, with comments.

    Args:
        name: its name.
        entry: its keys and values.
        notes: comments for some of its keys; that of ``""`` is for the name.
        more: lines of comments that follow, such as further keys.
    """
    lines = [f"{_INDENT}{_line(name, None, notes.get(''))}"]
    lines += [f"{_INDENT * 2}{_line(key, value, notes.get(key))}" for key, value in entry.items()]
    lines += [f"{_INDENT * 2}# {line}" for line in more]
    return _joined(lines)


def differences(wanted: Any, found: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Return where an entry differs from the keys that are wanted; it may have more.

    Returns:
        For each difference the key, such as ``axes → batch_size``, what is wanted, and what is
        found, which is None if the key is missing.
    """
    if not isinstance(wanted, Mapping):
        return [] if wanted == found else [(path, wanted, found)]
    inside = found if isinstance(found, Mapping) else {}
    return [
        difference
        for key, value in wanted.items()
        for difference in differences(value, inside.get(key), f"{path} → {key}" if path else key)
    ]


def in_one_line(value: Any) -> str:
    """Return a value as YAML in one line; "" for None, which an empty entry is."""
    plain = list(value) if isinstance(value, tuple) else value
    if plain is None:
        return ""
    text = yaml.safe_dump(
        plain, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def _line(key: str, value: Any, note: str | None) -> str:
    """Return a key and its value, with a comment."""
    text = f"{in_one_line(key)}: {in_one_line(value)}".rstrip()
    return f"{text} # {note}" if note else text


def _without_blank_end(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
