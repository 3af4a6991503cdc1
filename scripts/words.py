#!/usr/bin/env python3
"""Rejects home-made words in prose: `python3 scripts/words.py [PATH…]`, the whole repository by default.

The list is docs/words.txt, the reasons are in docs/glossary.md. In code only comments and strings are
read; a phrase is also found where a comment wraps. It changes no file.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "docs/words.txt"
# Files that quote the rejected words, and a text that is not ours to change.
EXEMPT = {"docs/words.txt", "docs/glossary.md", "scripts/test_words.py"}

C_COMMENT = r"//[^\n]*|/\*.*?\*/"
DOUBLE_QUOTED = r'"(?:\\.|[^"\\])*"'
# What counts as prose, by suffix. `skip` hides a quote or a slash that opens nothing.
RUST = rf"(?P<prose>{C_COMMENT}|\bb?r(?P<hashes>#*)\".*?\"(?P=hashes)|{DOUBLE_QUOTED})|(?P<skip>'\\?.')"
SCRIPT = rf"(?P<prose>{C_COMMENT}|{DOUBLE_QUOTED}|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)"
PYTHON = r"(?P<prose>#[^\n]*|\"{3}.*?\"{3}|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
PROSE = {".rs": RUST, ".ts": SCRIPT, ".js": SCRIPT, ".go": SCRIPT, ".php": SCRIPT, ".py": PYTHON, ".ru": PYTHON}
# Read as a whole: their names are few, and the text of a page stands outside of strings.
WHOLE = {".md", ".tsx", ".html", ".yaml", ".yml", ".toml", ".sh", ""}

# Between two words: blanks, or a line break with the marker of the comment's next line.
GAP = r"(?:[ \t]*\\?\n[ \t]*(?://[/!]?|#|\*|>)?[ \t]*|[ \t]+)"


def pattern(phrase):
    """A phrase as a regular expression: whole words, in any case, across a wrapped line. What stands
    behind `{` in a string is a name."""
    return rf"(?<![\w{{-]){GAP.join(re.escape(word) for word in phrase.split())}(?![\w-])"


def read_list(text):
    """Returns the suggestion of each rejected phrase, and the phrases that are allowed all the same."""
    rejected, allowed = {}, []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        phrases, arrow, suggestion = (part.strip() for part in line.partition("->"))
        if line.startswith("allow "):
            allowed.append(line.removeprefix("allow ").strip())
        elif arrow and phrases and suggestion:
            rejected.update((phrase.strip().lower(), suggestion) for phrase in phrases.split(","))
        else:
            raise ValueError(f"line {number} is not `phrase, phrase -> suggestion`: {line}")
    return rejected, allowed


def prose(text, suffix):
    """Blanks out what is not prose; every character keeps its place."""
    if suffix in WHOLE:
        return text
    found = [" " if char != "\n" else char for char in text]
    for match in re.finditer(PROSE[suffix], text, re.DOTALL):
        if match["prose"]:
            found[match.start() : match.end()] = match["prose"]
    return "".join(found)


def findings(text, suffix, rejected, allowed):
    """Yields line, phrase and suggestion of each rejected phrase in a text."""
    text = prose(text, suffix)
    for phrase in allowed:
        text = re.sub(pattern(phrase), lambda match: re.sub(r"\S", "\0", match[0]), text, flags=re.I)
    # One long alternation is slow, so it has only what the text can match; the longest comes first.
    lower = text.lower()
    present = [phrase for phrase in rejected if all(word in lower for word in phrase.split())]
    phrases = "|".join(pattern(phrase) for phrase in sorted(present, key=len, reverse=True))
    if not phrases:
        return
    for match in re.finditer(phrases, text, re.IGNORECASE):
        words = re.sub(rf"{GAP}", " ", match[0]).lower()
        yield text.count("\n", 0, match.start()) + 1, words, rejected[words]


def tracked(paths):
    """Every file under the paths, from the root, that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return listed.splitlines()


def main(paths):
    rejected, allowed = read_list(LIST.read_text(encoding="utf-8"))
    count = 0
    for name in tracked(paths):
        path = ROOT / name
        if name in EXEMPT or path.name == "LICENSE-APACHE" or path.suffix not in WHOLE.union(PROSE) or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for line, phrase, suggestion in findings(text, path.suffix, rejected, allowed):
            print(f"{name}:{line}: {phrase} -> {suggestion}")
            count += 1
    if count:
        print(f"{count} rejected words; docs/glossary.md has the words to use", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
