"""Write the files; those that are not made any more go."""

from __future__ import annotations

from hack.chart.files import FOLDER, made

#: Written by hand.
BY_HAND = frozenset({".helmignore", "templates/_helpers.tpl", "templates/checks.yaml", "templates/NOTES.txt"})


def main() -> None:
    """What the manifests of this checkout make."""
    files = made()
    for path in FOLDER.rglob("*"):
        if path.is_file() and str(path.relative_to(FOLDER)) not in files.keys() | BY_HAND:
            path.unlink()
    for name, text in files.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
