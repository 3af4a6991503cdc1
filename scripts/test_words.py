#!/usr/bin/env python3
"""Tests of words.py: what counts as prose, and what counts as a phrase."""

import unittest

from words import LIST, findings, read_list

REJECTED, ALLOWED = read_list(
    """
    # A comment.
    anew -> again
    letter, letters -> dead letter
    so many -> the number
    allow dead letter
    """
)


def found(text, suffix=".md"):
    return [(line, phrase) for line, phrase, _ in findings(text, suffix, REJECTED, ALLOWED)]


class Phrases(unittest.TestCase):
    def test_a_phrase_is_whole_words_in_any_case(self):
        for text, expected in [
            ("Read Anew.", [(1, "anew")]),
            ("one\nso  many", [(2, "so many")]),
            ("sinew, anew_one, re-anew", []),
            ("the letters, a dead letter, DEAD LETTER", [(1, "letters")]),
            ("", []),
        ]:
            self.assertEqual(found(text), expected, text)

    def test_a_phrase_may_wrap(self):
        for suffix, text in [
            (".rs", "/// is so\n    /// many times\n"),
            (".rs", "//! so\n//! many\n"),
            (".rs", '"so \\\n   many"'),
            (".py", "# so\n# many\n"),
            (".ts", "/**\n * so\n * many */"),
            (".md", "> so\n> many"),
        ]:
            self.assertEqual([phrase for _, phrase in found(text, suffix)], ["so many"], text)

    def test_the_longest_phrase_counts(self):
        rejected, _ = read_list("told -> pushed\ntold apart -> classified")
        only = [suggestion for *_, suggestion in findings("told apart", ".md", rejected, [])]
        self.assertEqual(only, ["classified"])


class Prose(unittest.TestCase):
    def test_code_is_read_in_comments_and_strings_only(self):
        for suffix, text, lines in [
            (".rs", "let letter = anew();\n// anew\n", [2]),
            (".rs", 'f("anew");\nf(r#"a "anew" b"#);\n/* anew */', [1, 2, 3]),
            (".rs", "let c = '\"'; anew(); // anew", [1]),
            (".rs", "fn f<'a>(anew: &'a str) {} // it's anew\n", [1]),
            (".rs", r'f("\"anew\\"); anew()', [1]),
            (".ts", "const anew = 1\nf('anew', `\nanew`)", [2, 3]),
            (".py", 'anew = 1\n"""x\nanew\n"""\n# anew', [3, 5]),
            (".tsx", "<p>anew</p>", [1]),
            (".yaml", "a: anew # anew", [1, 1]),
        ]:
            self.assertEqual([line for line, _ in found(text, suffix)], lines, text)


class List(unittest.TestCase):
    def test_a_line_that_says_nothing_is_refused(self):
        for text in ["anew", "anew ->", "-> again"]:
            with self.assertRaises(ValueError, msg=text):
                read_list(text)

    def test_no_suggestion_is_itself_rejected(self):
        rejected, allowed = read_list(LIST.read_text(encoding="utf-8"))
        for phrase, suggestion in rejected.items():
            self.assertEqual(list(findings(suggestion, ".md", rejected, allowed)), [], phrase)


if __name__ == "__main__":
    unittest.main()
