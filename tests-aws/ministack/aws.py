"""Commands of the AWS CLI, as far as documents use them: `python aws.py SERVICE OPERATION [--option value…]`.

Which operations and options there are, and what they take, is what botocore's models of the services say, from which the
AWS CLI is made as well. So a command that names something else is an error here as it is there. It only calls loopback
addresses (`AWS_ENDPOINT_URL`), so it never reaches an AWS account.
"""

import json
import os
import pathlib
import sys
import urllib.parse

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, UnknownServiceError

GLOBAL_OPTIONS = ("output", "query", "region")
# Commands that the AWS CLI adds to the operations of a service, and their options. They are known, and not run.
ADDED = {
    ("cloudformation", "deploy"): (
        "capabilities", "parameter-overrides", "s3-bucket", "s3-prefix", "stack-name", "tags", "template-file",
    ),
    ("logs", "tail"): ("follow", "since"),
    ("s3", "cp"): (),
    ("s3", "mb"): (),
    ("s3", "sync"): (),
}

# Services whose model has another name.
MODELS = {"s3api": "s3"}


class Usage(Exception):
    """The command is none."""


def dashed(name):
    return xform_name(name, "-")


def scalar(text, shape):
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "boolean":
        return {"true": True, "false": False}[text.lower()]
    return text


def shorthand(text, shape):
    """`Key=value,Key=value` (https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html)."""
    members = {}
    for pair in text.split(","):
        key, equals, value = pair.partition("=")
        if not equals or (shape.type_name == "structure" and key not in shape.members):
            raise Usage(f"{pair} is no member of {shape.name}")
        members[key] = scalar(value, shape.members[key]) if shape.type_name == "structure" else value
    return members


def value(words, shape):
    """The value of an option from its words."""
    if shape.type_name == "list":
        if words and words[0].startswith("["):
            return json.loads(words[0])
        return [value([word], shape.member) for word in words]
    if len(words) != 1:
        raise Usage(f"{words} is not one {shape.type_name}")
    [word] = words
    if word.startswith("file://"):
        word = pathlib.Path(word.removeprefix("file://")).read_text()
    if shape.type_name in ("structure", "map"):
        return json.loads(word) if word.startswith("{") else shorthand(word, shape)
    return scalar(word, shape)


def options(words):
    """The options with their words, and the words in front of them."""
    front, found = [], {}
    at = front
    for word in words:
        if word.startswith("--"):
            at = found.setdefault(word.removeprefix("--"), [])
        else:
            at.append(word)
    return front, found


def parameters(operation, given):
    shape = operation.input_shape
    members = {} if shape is None else {dashed(name): name for name in shape.members}
    found = {}
    for option, words in given.items():
        negated = option.removeprefix("no-")
        if option in members and shape.members[members[option]].type_name == "boolean":
            found[members[option]] = True
        elif option in members:
            found[members[option]] = value(words, shape.members[members[option]])
        elif option != negated and negated in members:
            found[members[negated]] = False
        else:
            raise Usage(f"{operation.name} has no option --{option}")
    # A token by which a request may be repeated is made by the CLI.
    required = set(shape.required_members) - set(operation.idempotent_members) if shape else set()
    if missing := required - set(found):
        raise Usage(f"{operation.name} lacks {sorted(missing)}")
    return found


class Command:
    """A command that is one: its service and operation exist, and so do its options."""

    def __init__(self, words):
        self.session = botocore.session.get_session()
        front, given = options(words)
        if len(front) < 2:
            raise Usage(f"no SERVICE OPERATION: {words}")
        self.service, name, *rest = front
        self.global_options = {key: given.pop(key) for key in GLOBAL_OPTIONS if key in given}
        self.parameters = {}
        self.added = (self.service, name) in ADDED
        if self.added:
            if unknown := set(given) - set(ADDED[self.service, name]):
                raise Usage(f"{self.service} {name} has no options {sorted(unknown)}")
            return
        try:
            self.model = self.session.get_service_model(MODELS.get(self.service, self.service))
        except UnknownServiceError as error:
            raise Usage(str(error)) from error
        self.waiter = None
        if name == "wait":
            waiters = self.session.get_waiter_model(self.service)
            self.waiter = next((known for known in waiters.waiter_names if [dashed(known)] == rest), None)
            if self.waiter is None:
                raise Usage(f"{self.service} has no waiter {rest}")
            name = dashed(waiters.get_waiter(self.waiter).operation)
        elif rest:
            raise Usage(f"unexpected words: {rest}")
        self.operation = next((known for known in self.model.operation_names if dashed(known) == name), None)
        if self.operation is None:
            raise Usage(f"{self.service} has no operation {name}")
        self.parameters = parameters(self.model.operation_model(self.operation), given)

    def run(self):
        if self.added:
            raise Usage(f"{self.service} is not run here with what the AWS CLI adds to it")
        endpoint = os.environ["AWS_ENDPOINT_URL"]
        if urllib.parse.urlsplit(endpoint).hostname != "127.0.0.1":
            raise Usage(f"{endpoint} is not on 127.0.0.1")
        client = self.session.create_client(MODELS.get(self.service, self.service), endpoint_url=endpoint, region_name=os.environ["AWS_REGION"])
        if self.waiter:
            client.get_waiter(xform_name(self.waiter)).wait(**self.parameters)
            return None
        answer = getattr(client, xform_name(self.operation))(**self.parameters)
        answer.pop("ResponseMetadata", None)
        query = self.global_options.get("query")
        return jmespath.search(query[0], answer) if query else answer

    def print(self, answer):
        if answer is None or answer == {}:
            return
        if self.global_options.get("output") == ["text"]:
            print("\t".join(map(str, answer)) if isinstance(answer, list) else answer)
        else:
            print(json.dumps(answer, indent=4, default=str))


def main():
    try:
        command = Command(sys.argv[1:])
        command.print(command.run())
    except (Usage, BotoCoreError, ClientError) as error:
        sys.exit(f"aws: {error}")


if __name__ == "__main__":
    main()
