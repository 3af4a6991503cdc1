"""The parameters: described, limited, and as the README lists them; and the outputs."""

import re
import unittest

from template_case import HERE, Template, limit

README = HERE / "README.md"


class Parameters(Template):
    def test_the_readme_lists_them_with_their_defaults(self):
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", README.read_text(), re.MULTILINE)
        defaults = {
            name: f"`{it['Default']}`" if it.get("Default", "") != "" else "needed" if "Default" not in it else "none"
            for name, it in self.template["Parameters"].items()
            if name not in ("EmulatorEndpoint", "StripeApiBase")
        }
        self.assertEqual(dict(rows), defaults)

    def test_each_is_described_limited_and_grouped(self):
        groups = self.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        grouped = [name for group in groups for name in group["Parameters"]]
        self.assertEqual(sorted(grouped), sorted(self.template["Parameters"]))
        for name, parameter in self.template["Parameters"].items():
            self.assertIn("Description", parameter, name)
            self.assertTrue({"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter), name)

    def test_limits_are_those_of_core(self):
        for name, value in (("GraceDays", "GRACE_DAYS_MAX"), ("SessionMaxAgeDays", "SESSION_DAYS_MAX")):
            self.assertEqual(self.template["Parameters"][name]["MaxValue"], limit(value))


if __name__ == "__main__":
    unittest.main()
