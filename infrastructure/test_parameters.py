"""The parameters: described, limited, and as the README lists them; and the outputs."""

import json
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
        for name, value in (("GraceDays", "GRACE_DAYS_MAX"), ("SessionMaxAgeDays", "SESSION_DAYS_MAX"), ("StaleOkSeconds", "STALE_OK_SECS_MAX")):
            self.assertEqual(self.template["Parameters"][name]["MaxValue"], limit(value))


class Outputs(Template):
    def test_the_readme_lists_them(self):
        section = README.read_text().partition("### Outputs")[2].partition("####")[0]
        rows = re.findall(r"^\| (`.*?`) \| ", section, re.MULTILINE)
        listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
        self.assertEqual(sorted(listed), sorted(self.template["Outputs"]))

    def test_each_is_described(self):
        for name, output in self.template["Outputs"].items():
            self.assertIn("Description", output, name)

    def test_the_hosts_policy_is_what_the_session_may_do_with_the_token_secret(self):
        text = re.search(r"#### What your application may do.*?```json\n(.*?)```", README.read_text(), re.DOTALL)[1]
        allowed = {(it["Action"], it["Resource"]) for it in json.loads(text)["Statement"]}
        self.assertEqual(allowed, {("secretsmanager:GetSecretValue", "<JwtSecretArn>"), ("kms:Decrypt", "<KeyArn>")})
        self.assertLessEqual({"JwtSecretArn", "KeyArn"}, set(self.template["Outputs"]))


if __name__ == "__main__":
    unittest.main()
