"""A small source tree for the tests of the rules."""

import os
import tempfile

from source import Report


class Tree:
    """`with Tree({"path": "text"}) as tree:` a folder of these files, gone afterwards."""

    def __init__(self, texts):
        self.texts = texts

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="snag-rules-")
        for path, text in self.texts.items():
            whole = os.path.join(self.folder.name, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="utf-8") as file:
                file.write(text)
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def complaints(self, check):
        """What `check` says about this tree: a sorted list of "path:line: text"."""
        report = Report("test")
        check(self.folder.name, report)
        return [f"{path}:{line}: {text}" for path, line, text in sorted(set(report.lines))]
