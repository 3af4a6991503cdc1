"""What is stored: encrypted, restorable, and not lost with the stack."""

import unittest

from template_case import FUNCTIONS, Template, branches


class Storage(Template):
    def test_the_table_is_protected_restorable_and_has_a_ttl(self):
        table = self.resources["Table"]
        self.assertEqual((table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("RetainExceptOnCreate", "Retain"))
        properties = table["Properties"]
        self.assertEqual(properties["DeletionProtectionEnabled"], {"Ref": "DeletionProtection"})
        self.assertEqual(self.template["Parameters"]["DeletionProtection"]["Default"], "true")
        self.assertIs(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], True)
        self.assertEqual(properties["TimeToLiveSpecification"], {"Enabled": True, "AttributeName": "ttl"})
        self.assertEqual(properties["SSESpecification"]["SSEType"], "KMS")
        self.assertEqual(properties["StreamSpecification"], {"StreamViewType": "NEW_IMAGE"})

    def test_the_table_has_a_limit_and_a_warm_throughput_where_they_are_given(self):
        nothing, properties = {"Ref": "AWS::NoValue"}, self.properties("Table")
        most = {"Ref": "TableUnitsPerSecondMax"}
        limit = {"MaxReadRequestUnits": most, "MaxWriteRequestUnits": most}
        self.assertEqual(properties["OnDemandThroughput"], {"Fn::If": ["LimitsTable", limit, nothing]})
        warm = {
            "ReadUnitsPerSecond": {"Ref": "WarmReadUnitsPerSecond"},
            "WriteUnitsPerSecond": {"Ref": "WarmWriteUnitsPerSecond"},
        }
        self.assertEqual(properties["WarmThroughput"], {"Fn::If": ["WarmsTable", warm, nothing]})
        # By default there is no limit, and what DynamoDB gives a new table: nothing is bought.
        defaults = {name: it["Default"] for name, it in self.template["Parameters"].items() if "UnitsPerSecond" in name}
        expected = {"TableUnitsPerSecondMax": 0, "WarmReadUnitsPerSecond": 12_000, "WarmWriteUnitsPerSecond": 4_000}
        self.assertEqual(defaults, expected)

    def test_each_mode_has_its_own_table(self):
        name, values = self.properties("Table")["TableName"]["Fn::Sub"]
        self.assertIn("${Mode}", name)
        self.assertEqual(values["Mode"], {"Fn::If": ["Live", "live", "test"]})

    def test_the_functions_use_the_table_that_is_given_or_created(self):
        condition, created, given = self.properties("TableName")["Value"]["Fn::If"]
        self.assertEqual((condition, given), ("MakesTable", {"Ref": "ExistingTable"}))
        self.assertEqual(created, self.properties("Table")["TableName"])
        self.assertEqual(self.resources["Table"]["Condition"], "MakesTable")
        stream = self.properties("NotifierStreamChanges")["EventSourceArn"]["Fn::If"]
        self.assertEqual(stream, ["MakesTable", {"Fn::GetAtt": ["Table", "StreamArn"]}, {"Ref": "ExistingTableStreamArn"}])

    def test_a_first_deployment_that_fails_has_made_no_table_yet(self):
        late = self.needed("Table")
        for kind in ("AWS::ApiGatewayV2::Stage", "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::RouteResponse"):
            self.assertLessEqual(set(self.of_type(kind)), late)

    def test_queues_and_topic_are_reached_over_tls_only(self):
        statements = {name: it for name, it in self.statements() if it["Effect"] == "Deny"}
        for name, covered in (("QueuesOverTls", "Queues"), ("TopicOverTls", "Topics")):
            statement = statements[name]
            self.assertEqual(statement["Condition"], {"Bool": {"aws:SecureTransport": "false"}})
            self.assertEqual(statement["Principal"], "*")
            self.assertTrue(self.properties(name)[covered])
        queues = {it["Ref"] for queue in self.properties("QueuesOverTls")["Queues"] for it in branches(queue)}
        # A queue has one policy.
        partner = {it["Ref"] for it in self.properties("PartnerEventQueuePolicy")["Queues"]}
        self.assertIn("PartnerEventQueuePolicy", statements)
        self.assertEqual(queues | partner, set(self.of_type("AWS::SQS::Queue")))

    def test_resources_that_cannot_be_recreated_outlive_the_stack(self):
        for name in ("Key", "WebhookSecret", "JwtSecret", "EventQueue", "ThinQueue", "DeadLetterQueue"):
            policies = (self.resources[name]["DeletionPolicy"], self.resources[name]["UpdateReplacePolicy"])
            self.assertEqual(policies, ("RetainExceptOnCreate", "Retain"), name)

    def test_everything_at_rest_is_encrypted_with_the_stacks_key(self):
        key = {"Fn::GetAtt": ["KeyArn", "Value"]}
        value = self.properties("KeyArn")["Value"]["Fn::If"]
        self.assertEqual(value, ["MakesKey", {"Fn::GetAtt": ["Key", "Arn"]}, {"Ref": "DataKeyArn"}])
        self.assertIs(self.properties("Key")["EnableKeyRotation"], True)
        self.assertEqual(self.properties("Table")["SSESpecification"]["KMSMasterKeyId"], key)
        for kind, name_of_key in {
            "AWS::SQS::Queue": "KmsMasterKeyId",
            "AWS::SNS::Topic": "KmsMasterKeyId",
            "AWS::Logs::LogGroup": "KmsKeyId",
            "AWS::SecretsManager::Secret": "KmsKeyId",
        }.items():
            for name, resource in self.of_type(kind).items():
                self.assertEqual(resource["Properties"].get(name_of_key), key, name)

    def test_a_generated_secret_is_random(self):
        for name, secret in self.of_type("AWS::SecretsManager::Secret").items():
            self.assertNotIn("SecretString", secret["Properties"], name)
            self.assertGreaterEqual(secret["Properties"]["GenerateSecretString"]["PasswordLength"], 32)

    def test_dead_letters_come_only_from_the_queue(self):
        allowed = self.properties("DeadLetterQueue")["RedriveAllowPolicy"]
        self.assertEqual(allowed["redrivePermission"], "byQueue")
        sources = ("EventQueue", "ThinQueue")
        for queue, source in zip(sources, allowed["sourceQueueArns"], strict=True):
            self.assertTrue(source["Fn::Sub"].endswith(":" + self.properties(queue)["QueueName"]["Fn::Sub"]), queue)
        for queue in (*sources, "DeadLetterQueue"):
            self.assertEqual(self.properties(queue)["MessageRetentionPeriod"], 14 * 24 * 3600, queue)

    def test_what_could_not_be_pushed_is_kept_as_long_as_its_records(self):
        # The stream has them for 24 hours.
        self.assertEqual(self.properties("NotifierFailureQueue")["MessageRetentionPeriod"], 24 * 3600)

    def test_logs_have_a_retention(self):
        groups = self.of_type("AWS::Logs::LogGroup")
        for name, group in groups.items():
            self.assertEqual(group["Properties"]["RetentionInDays"], {"Ref": "LogRetentionDays"}, name)
        for function in FUNCTIONS:
            logging = self.properties(function)["LoggingConfig"]
            self.assertEqual((logging["LogFormat"], logging["LogGroup"]), ("JSON", {"Ref": f"{function}Log"}))


if __name__ == "__main__":
    unittest.main()
