"""The template, as the tests in test_policy.py read it."""

import math
import pathlib
import re
import unittest

from cfnlint.decode import cfn_yaml

HERE = pathlib.Path(__file__).resolve().parent
TEMPLATE = HERE / "template.yaml"
LIMITS = HERE.parent / "core/src/limits.rs"


def listed(value):
    return value if isinstance(value, list) else [value]


def branches(value):
    """A value, or all values that a condition chooses from."""
    if isinstance(value, dict) and "Fn::If" in value:
        return [leaf for branch in value["Fn::If"][1:] for leaf in branches(branch)]
    return [] if value == {"Ref": "AWS::NoValue"} else [value]


def limit(name):
    """A number in core/src/limits.rs."""
    (value,) = re.findall(rf"pub const {name}: \w+ = ([\d_* ]+);", LIMITS.read_text())
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
