"""The template, as the tests beside this file read it."""

import math
import pathlib
import re
import unittest

from cfnlint.decode import cfn_yaml

HERE = pathlib.Path(__file__).resolve().parent
TEMPLATE = HERE / "template.yaml"
# Those that traffic, the stream or the clock call, and reach by an alias; those that some stacks have beside them; and
# the one that checks a deployment before.
SERVING = ("Ingest", "Worker", "NotifierStream", "NotifierGateway", "Session", "Expiry")
OPTIONAL = ("IngestEventBridge", "Fetch", "Changes")
FUNCTIONS = ("Check", *SERVING, *OPTIONAL)
LIMITS = HERE.parent / "core/src/limits.rs"


def listed(value):
    return value if isinstance(value, list) else [value]


def branches(value):
    """A value, or all values that a condition chooses from."""
    if isinstance(value, dict) and "Fn::If" in value:
        return [leaf for branch in value["Fn::If"][1:] for leaf in branches(branch)]
    return [] if value == {"Ref": "AWS::NoValue"} else [value]


def references(value):
    """The names that a value refers to."""
    if isinstance(value, list):
        return {name for item in value for name in references(item)}
    if not isinstance(value, dict):
        return set()
    names = {value["Ref"]} if "Ref" in value else set()
    if "Fn::GetAtt" in value:
        return names | {value["Fn::GetAtt"][0]}
    if "Fn::Sub" in value:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        names |= {name.partition(".")[0] for name in re.findall(r"\$\{([\w:.]+)\}", text)}
    return names | {name for item in value.values() for name in references(item)}


def limit(name):
    """A number in core/src/limits.rs, or in a part of it."""
    files = [LIMITS, *sorted(LIMITS.with_suffix("").glob("*.rs"))]
    (value,) = re.findall(rf"pub const {name}: \w+ = ([\d_* ]+);", "".join(file.read_text() for file in files))
    return math.prod(int(factor) for factor in value.split("*"))


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = cfn_yaml.load(str(TEMPLATE))
        cls.resources = cls.template["Resources"]

    def of_type(self, kind):
        found = {name: it for name, it in self.resources.items() if it["Type"] == kind}
        self.assertTrue(found, kind)
        return found

    def properties(self, name):
        return self.resources[name]["Properties"]

    def needed(self, name):
        """All resources that exist before this one: those that it refers to or depends on, and theirs."""
        names, waiting = set(), [name]
        while waiting:
            resource = self.resources[waiting.pop()]
            found = set(listed(resource.get("DependsOn", []))) | references(resource.get("Properties", {}))
            new = (found & set(self.resources)) - names
            names |= new
            waiting += new
        return names

    def policies(self):
        """Every policy document with the name of its resource."""
        for name, resource in self.resources.items():
            properties = resource.get("Properties", {})
            for policy in properties.get("Policies", []):
                yield name, policy["PolicyDocument"]
            for key in ("KeyPolicy", "PolicyDocument"):
                if key in properties:
                    yield name, properties[key]

    def statements(self, owner=None):
        for name, policy in self.policies():
            for statement in policy["Statement"]:
                for leaf in branches(statement) if owner in (None, name) else []:
                    yield name, leaf
