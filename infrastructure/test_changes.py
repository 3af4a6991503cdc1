"""The readers of the table's stream: what starts them, and how long what they have not read waits."""

import json
import unittest

from template_case import Template, limit


class Changes(Template):
    def test_the_stream_starts_its_readers_only_for_changes(self):
        for source in ("NotifierStreamChanges", "ChangesStream"):
            (only,) = self.properties(source)["FilterCriteria"]["Filters"]
            image = {"NewImage": {"change": {"S": [{"exists": True}]}}}
            self.assertEqual(json.loads(only["Pattern"]), {"eventName": ["INSERT", "MODIFY"], "dynamodb": image})

    def test_a_change_is_logged_as_long_as_the_stream_has_it(self):
        source = self.properties("ChangesStream")
        self.assertEqual((source["MaximumRetryAttempts"], source["MaximumRecordAgeInSeconds"]), (-1, -1))
        self.assertEqual(source["ParallelizationFactor"], 1)

    def test_a_follower_is_answered_before_the_function_ends(self):
        self.assertLess(1000 * limit("CHANGES_WAIT_ON_AWS_SECS") + limit("AWS_CALL_TIMEOUT_MS"), 1000 * self.properties("Session")["Timeout"])


if __name__ == "__main__":
    unittest.main()
