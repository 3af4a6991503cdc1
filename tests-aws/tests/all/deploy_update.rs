//! Updates of a deployed stack: one that is wrong changes nothing, and one that is right has versions of its own.

use serde_json::{Value, json};
use tierlift_testkit::harness::eventually;

use super::deploy::{Stack, subscribed};

/// The version that traffic reaches of each function.
async fn versions(stack: &Stack) -> Vec<String> {
    let mut versions = Vec::new();
    for function in ["ingest", "worker", "session"] {
        let path = format!("/2015-03-31/functions/tierlift-{function}/aliases/live");
        let alias = stack.get(&path).await;
        versions.push(alias["FunctionVersion"].as_str().unwrap().to_owned());
    }
    versions
}

async fn becomes(stack: &Stack, user: &str, role: &str) {
    eventually(role, async || stack.session(user).await["role"] == role).await;
}

#[tokio::test]
async fn a_bad_plan_map_is_refused_before_anything_changes() {
    let stack = Stack::start().await;
    let before = versions(&stack).await;
    let events = stack.fails_to_update(&["Plans=price_pro=gold"]);
    assert!(events.contains("TIERLIFT_PLANS") && events.contains("gold"), "{events}");
    assert!(events.contains("ROLLBACK_COMPLETE"), "{events}");
    assert_eq!(versions(&stack).await, before);
    // Nobody notices.
    stack.accepts(&subscribed("evt_1", "ada")).await;
    becomes(&stack, "ada", "paid").await;
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_refused() {
    let stack = Stack::start().await;
    let input = json!({ "Name": "short", "SecretString": "short" });
    let secret = stack.call("secretsmanager.CreateSecret", &input).await;
    let arn = secret["ARN"].as_str().unwrap();
    let events = stack.fails_to_update(&[&format!("JwtSecretArn={arn}")]);
    assert!(events.contains("is not usable"), "{events}");
    assert_eq!(stack.session("ada").await["role"], "free");
}

#[tokio::test]
async fn an_update_has_versions_of_its_own_and_leads_back() {
    let stack = Stack::start().await;
    let first = versions(&stack).await;
    stack.update(&["Plans=price_pro=team"]);
    let second = versions(&stack).await;
    assert!(first.iter().zip(&second).all(|(first, second)| first != second), "{second:?}");
    stack.accepts(&subscribed("evt_1", "ada")).await;
    becomes(&stack, "ada", "team").await;
    stack.update(&["Plans=price_pro=paid"]);
    stack.accepts(&subscribed("evt_2", "bob")).await;
    becomes(&stack, "bob", "paid").await;
}

/// The document replaces the parameter, and its versions are deployed like any other change.
#[tokio::test]
async fn a_policy_document_is_deployed_by_its_version() {
    let stack = Stack::start().await;
    let plans = |role| format!("# plans\nPlans=price_other=paid\nPlans=price_pro={role}\n");
    let input = json!({ "Name": "policy", "SecretString": plans("team") });
    let mut version = stack.call("secretsmanager.CreateSecret", &input).await;
    let arn = version["ARN"].as_str().unwrap().to_owned();
    let put = async |text: &str| {
        let input = json!({ "SecretId": arn, "SecretString": text });
        stack.call("secretsmanager.PutSecretValue", &input).await
    };
    let parameters = |version: &Value| {
        let id = version["VersionId"].as_str().unwrap();
        [format!("PolicyArn={arn}"), format!("PolicyVersion={id}")]
    };
    for (role, user) in [("team", "ada"), ("paid", "bob")] {
        let [place, version_of] = parameters(&version);
        stack.update(&[&place, &version_of]);
        // A later version of the document changes nothing before it is deployed.
        version = put(&plans("paid")).await;
        stack.accepts(&subscribed(&format!("evt_{user}"), user)).await;
        becomes(&stack, user, role).await;
    }
    let [place, version_of] = parameters(&put("Plan=a").await);
    let events = stack.fails_to_update(&[&place, &version_of]);
    assert!(events.contains("line 1 of the policy document"), "{events}");
}

/// The same in the Parameter Store, whose versions are numbers.
#[tokio::test]
async fn a_policy_document_of_the_parameter_store_is_deployed_by_its_version() {
    let stack = Stack::start().await;
    let arn = "PolicyArn=arn:aws:ssm:us-east-1:000000000000:parameter/tierlift/policy";
    let put = async |text: &str| {
        let input = json!({
            "Name": "/tierlift/policy", "Type": "String", "Value": text, "Overwrite": true,
        });
        let answer = stack.call("AmazonSSM.PutParameter", &input).await;
        format!("PolicyVersion={}", answer["Version"])
    };
    let first = put("Plans=price_pro=team\n").await;
    let second = put("Plans=price_pro=paid\n").await;
    for (version, user, role) in
        [(&first, "ada", "team"), (&second, "bob", "paid"), (&first, "eve", "team")]
    {
        stack.update(&[arn, version]);
        stack.accepts(&subscribed(&format!("evt_{user}"), user)).await;
        becomes(&stack, user, role).await;
    }
    let events = stack.fails_to_update(&[arn, &put("Plan=a").await]);
    assert!(events.contains("line 1 of the policy document"), "{events}");
    assert!(stack.fails_to_update(&[arn, "PolicyVersion=9"]).contains("version 9 of"));
}
