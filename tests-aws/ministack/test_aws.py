"""Tests that every command of the AWS CLI in the documents for operators exists, with its options.

Run by `python -m unittest discover -s tests-aws/ministack`.
"""

import pathlib
import re
import shlex
import unittest

from aws import Command, Usage

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = (ROOT / "infrastructure/README.md", ROOT / "docs/operations.md", *(ROOT / "docs/operations").glob("*.md"))
# Words behind which a command begins, beside the signs of the shell.
BEFORE_COMMANDS = ("do", "then", "{")
# Options that a shortened command does not show.
ELIDED = "…"


def blocks(text):
    """The shell blocks of a document, those within a list as well."""
    return re.findall(r"^ *```(?:sh|bash)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)


def words(block):
    without_comments = re.sub(r"(?m)(^|[ \t])#.*$", "", block.replace("\\\n", " "))
    lexer = shlex.shlex(without_comments, posix=True, punctuation_chars=";()<>|&\n")
    lexer.commenters, lexer.whitespace = "", " \t"
    lexer.whitespace_split = True
    return list(lexer)


def commands(block):
    """The `aws` commands of a block, each as its words; also those whose output stands within a quoted word."""
    found, current, begins = [], None, True
    for word in words(block):
        for inner in re.findall(r"\$\((aws [^()]*)\)", word):
            found.extend(commands(inner))
        if set(word) <= set(";()<>|&\n"):
            is_redirection = bool(set(word) & set("<>"))
            if is_redirection and current and current[-1].isdigit():
                current.pop()
            current, begins = None, not is_redirection
        elif begins and word == "aws":
            current, begins = [], False
            found.append(current)
        elif current is not None:
            current.append(word)
        else:
            begins = word in BEFORE_COMMANDS or (begins and re.fullmatch(r"\w+=.*", word) is not None)
    return found


class Commands(unittest.TestCase):
    def test_each_command_of_the_documents_exists(self):
        count = 0
        for document in DOCUMENTS:
            for block in blocks(document.read_text()):
                for command in commands(block):
                    with self.subTest(document=document.name, command=" ".join(command)):
                        self.check(command)
                    count += 1
        self.assertGreater(count, 30)

    def check(self, command):
        if ELIDED in command:
            # What is shown must be right; what is not, nobody knows.
            front, *_ = command
            self.assertTrue(front)
            return
        # What the shell puts in is some text.
        Command([re.sub(r"\$\([^)]*\)|\$\w+|^file://.*", "shell", word) for word in command])

    def test_commands_are_found_where_the_shell_finds_them(self):
        block = 'A=$(aws kms describe-key --key-id k --query "a b")\nx | aws s3 mb "s3://$B" 2>/dev/null; echo aws no # aws no\n'
        self.assertEqual(commands(block), [["kms", "describe-key", "--key-id", "k", "--query", "a b"], ["s3", "mb", "s3://$B"]])
        self.assertEqual(commands('echo "$(aws sts get-caller-identity)"'), [["sts", "get-caller-identity"]])

    def test_what_does_not_exist_is_refused(self):
        for command in (
            "kms describe-key --key k",
            "kms describe-key",
            "kms describe-keys --key-id k",
            "km describe-key --key-id k",
            "dynamodb wait table-exist --table-name t",
            "s3 mb s3://b --acl private",
            "dynamodb update-time-to-live --table-name t --time-to-live-specification Enable=true",
        ):
            with self.subTest(command), self.assertRaises(Usage):
                Command(command.split())

    def test_values_are_what_the_model_says(self):
        command = Command(shlex.split(
            "dynamodb update-table --table-name t --no-deletion-protection-enabled --stream-specification"
            " StreamEnabled=true,StreamViewType=NEW_IMAGE --attribute-definitions AttributeName=a,AttributeType=S"
            " AttributeName=b,AttributeType=N"
        ))
        self.assertEqual(command.parameters, {
            "TableName": "t",
            "DeletionProtectionEnabled": False,
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            "AttributeDefinitions": [
                {"AttributeName": "a", "AttributeType": "S"},
                {"AttributeName": "b", "AttributeType": "N"},
            ],
        })


if __name__ == "__main__":
    unittest.main()
