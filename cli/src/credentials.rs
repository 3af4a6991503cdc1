//! The secrets of a server: those that sign webhooks, and the one that signs access tokens.
//!
//! Nothing falls back to a default: a secret that is missing is named, with what to set. In a demo the
//! webhook secret is public; the token secret is generated once and kept beside the data, readable by
//! its owner only.

use std::{
    fmt::Display,
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tierlift_core::{
    codes::Code,
    config::WebhookUrl,
    limits::JWT_SECRET_BYTES_MIN,
    stripe::signature::Secrets,
    token::{self, NamedTokens, NamedTokensError, OperatorTokens, ServiceTokens, SigningKeys},
    webhook,
};

use tierlift_stripe::{Key, KeyError};

use crate::error::Problem;

/// Webhook secret of every demo. It is public, so a demo listens on loopback addresses only.
pub(crate) const DEMO_WEBHOOK_SECRET: &str = "whsec_demo";
/// Environment variable of the webhook secrets.
pub(crate) const WEBHOOK_SECRET_VAR: &str = "STRIPE_WEBHOOK_SECRET";
/// Environment variable of the token secret.
pub(crate) const JWT_SECRET_VAR: &str = "TIERLIFT_JWT_SECRET";

/// Environment variable of the keys with which tokens are signed.
pub(crate) const SIGNING_KEYS_VAR: &str = "TIERLIFT_SIGNING_KEYS";
/// Environment variable of the file that has them.
pub(crate) const SIGNING_KEYS_FILE_VAR: &str = "TIERLIFT_SIGNING_KEYS_FILE";
/// Environment variable of the service tokens.
pub(crate) const SERVICE_TOKENS_VAR: &str = "TIERLIFT_SERVICE_TOKENS";
/// Environment variable of the secrets with which webhooks to the host are signed.
pub(crate) const WEBHOOKS_OUT_SECRET_VAR: &str = "TIERLIFT_WEBHOOKS_OUT_SECRET";
/// Environment variable of operators' tokens that may do everything.
pub(crate) const OPERATOR_TOKENS_VAR: &str = "TIERLIFT_OPERATOR_TOKENS";
/// Environment variable of operators' tokens that may only read.
pub(crate) const OPERATOR_READ_TOKENS_VAR: &str = "TIERLIFT_OPERATOR_READ_TOKENS";
/// Environment variable of the key of Stripe's API.
pub(crate) const API_KEY_VAR: &str = "STRIPE_API_KEY";

/// The value of a variable, if it is set and not blank.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Parses the webhook secrets of a demo, of which one is public, so that the others need not be strong.
pub(crate) fn demo_webhook_secrets(more: Option<&str>) -> Result<Secrets, Problem> {
    let list = format!("{DEMO_WEBHOOK_SECRET},{}", more.unwrap_or_default());
    Secrets::parse_unchecked(&list).map_err(unusable)
}

fn unusable(error: impl Display) -> Problem {
    Problem::new(Code::SecretInvalid, format!("{WEBHOOK_SECRET_VAR}: {error}"))
}

/// Parses a comma-separated list of webhook secrets.
fn webhook_secrets(list: Option<&str>) -> Result<Secrets, Problem> {
    let Some(list) = list else {
        let message = format!(
            "{WEBHOOK_SECRET_VAR} is not set; set it to the signing secret of your webhook endpoint, \
             whsec_… (Stripe: Workbench, Webhooks, the endpoint, Signing secret)"
        );
        return Err(Problem::new(Code::SecretMissing, message));
    };
    Secrets::parse(list).map_err(unusable)
}

/// Parses the webhook secrets of a deployment, where the demo's secret would let anybody sign.
pub(crate) fn deployment_webhook_secrets(list: Option<&str>) -> Result<Secrets, Problem> {
    if list.is_some_and(|list| list.split(',').any(|secret| secret.trim() == DEMO_WEBHOOK_SECRET)) {
        let message = format!(
            "{WEBHOOK_SECRET_VAR} contains {DEMO_WEBHOOK_SECRET}, the public secret of --demo, with \
             which anybody can sign; set it to the signing secret of your webhook endpoint"
        );
        return Err(Problem::new(Code::SecretInvalid, message));
    }
    webhook_secrets(list)
}

/// Refuses one secret for both: Stripe knows the webhook secret, and whoever does could sign tokens with it.
pub(crate) fn check_different(
    webhook_secrets: Option<&str>,
    jwt_secrets: Option<&str>,
) -> Result<(), Problem> {
    let parts =
        |list: &'_ str| list.split(',').map(str::trim).map(str::to_owned).collect::<Vec<_>>();
    let webhook_secrets = parts(webhook_secrets.unwrap_or_default());
    let is_shared = |secret: &String| !secret.is_empty() && webhook_secrets.contains(secret);
    if parts(jwt_secrets.unwrap_or_default()).iter().any(is_shared) {
        let message = format!(
            "{JWT_SECRET_VAR} and {WEBHOOK_SECRET_VAR} have a secret in common; use one of its own for \
             tokens: `openssl rand -hex 32`"
        );
        return Err(Problem::new(Code::SecretInvalid, message));
    }
    Ok(())
}

/// The keys with which tokens are signed, if a variable has them or names their file.
pub(crate) fn signing_keys(
    text: Option<&str>,
    file: Option<&str>,
) -> Result<Option<SigningKeys>, Problem> {
    let invalid = |name: &str, error: &dyn Display| {
        Problem::new(Code::SecretInvalid, format!("{name}: {error}"))
    };
    let (name, text) = match (text, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let error = format!("{SIGNING_KEYS_FILE_VAR} is set, too; set one of them");
            return Err(invalid(SIGNING_KEYS_VAR, &error));
        }
        (Some(text), None) => (SIGNING_KEYS_VAR, text.to_owned()),
        (None, Some(path)) => {
            let read = fs::read_to_string(path);
            let text =
                read.map_err(|error| invalid(SIGNING_KEYS_FILE_VAR, &format!("{path}: {error}")))?;
            (SIGNING_KEYS_FILE_VAR, text)
        }
    };
    SigningKeys::parse(&text).map(Some).map_err(|error| invalid(name, &error))
}

/// The token secret, or two while it is rotated. It is optional with a key set, or with keys that sign.
pub(crate) fn jwt_secret(
    secret: Option<&str>,
    is_optional: bool,
) -> Result<Option<token::Secret>, Problem> {
    match secret {
        Some(secret) => token::Secret::new(secret).map(Some).map_err(|error| {
            Problem::new(Code::SecretInvalid, format!("{JWT_SECRET_VAR}: {error}"))
        }),
        None if is_optional => Ok(None),
        None => {
            let message = format!(
                "{JWT_SECRET_VAR} is not set and the configuration has no jwks_url; set the variable to \
                 the secret of your access tokens (HS256, at least 32 bytes), or jwks_url in the file"
            );
            Err(Problem::new(Code::SecretMissing, message))
        }
    }
}

/// The tokens of the host's services; none if the variable is not set.
pub(crate) fn service_tokens(list: &str) -> Result<ServiceTokens, Problem> {
    ServiceTokens::parse(list).map_err(|error| {
        Problem::new(Code::SecretInvalid, format!("{SERVICE_TOKENS_VAR}: {error}"))
    })
}

/// The secrets of webhooks to the host, which are needed if it takes some.
pub(crate) fn webhooks_out(
    url: Option<&WebhookUrl>,
    list: Option<&str>,
) -> Result<Option<(WebhookUrl, webhook::Secrets)>, Problem> {
    let Some(url) = url else { return Ok(None) };
    let Some(list) = list else {
        let message = format!(
            "{WEBHOOKS_OUT_SECRET_VAR} is not set; webhooks to {url} are signed with it: whsec_ and what \
             `openssl rand -base64 32` prints"
        );
        return Err(Problem::new(Code::SecretMissing, message));
    };
    let secrets = webhook::Secrets::parse(list).map_err(|error| {
        Problem::new(Code::SecretInvalid, format!("{WEBHOOKS_OUT_SECRET_VAR}: {error}"))
    })?;
    Ok(Some((url.clone(), secrets)))
}

/// The tokens of operators: those that may act, and those that may only read.
pub(crate) fn operator_tokens(acting: &str, reading: &str) -> Result<OperatorTokens, Problem> {
    let invalid = |name: &str, error: NamedTokensError| {
        Problem::new(Code::SecretInvalid, format!("{name}: {error}"))
    };
    let parse = |name, list| NamedTokens::parse(list).map_err(|error| invalid(name, error));
    let acting = parse(OPERATOR_TOKENS_VAR, acting)?;
    let reading = parse(OPERATOR_READ_TOKENS_VAR, reading)?;
    OperatorTokens::new(acting, reading).map_err(|error| invalid(OPERATOR_READ_TOKENS_VAR, error))
}

/// The key of Stripe's API, if it is set. It is of the deployment's mode.
pub(crate) fn api_key(key: Option<&str>, livemode: bool) -> Result<Option<Key>, Problem> {
    let checked = |text| Key::parse(text).and_then(|key| key.of_mode(livemode));
    let problem = |error: KeyError| Problem::new(error.code(), format!("{API_KEY_VAR} {error}"));
    key.map(checked).transpose().map_err(problem)
}

/// The token secret of a demo: the one beside the data file, or a new one.
pub(crate) fn demo_jwt_secret(data: &Path) -> anyhow::Result<String> {
    demo_secret(&beside(data, ".jwt-secret"))
}

/// The operator's token of a demo, likewise.
pub(crate) fn demo_operator_token(data: &Path) -> anyhow::Result<String> {
    demo_secret(&beside(data, ".operator-token"))
}

/// A secret that nobody had before.
pub(crate) fn new_secret() -> io::Result<String> {
    let mut bytes = [0; JWT_SECRET_BYTES_MIN];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    Ok(hex::encode(bytes))
}

fn demo_secret(path: &Path) -> anyhow::Result<String> {
    let context = || format!("the demo's secret in {}", path.display());
    match fs::read_to_string(path) {
        Ok(secret) if secret.trim().len() < JWT_SECRET_BYTES_MIN => {
            bail!("{} is truncated; delete it to have a new secret generated", path.display())
        }
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_new(path).with_context(context)
        }
        Err(error) => Err(error).with_context(context),
    }
}

fn beside(data: &Path, suffix: &str) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn write_new(path: &Path) -> anyhow::Result<String> {
    let secret = new_secret()?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_missing_secret_is_named_with_what_to_set() {
        let error = webhook_secrets(None).unwrap_err();
        assert_eq!(error.code, Code::SecretMissing);
        assert!(error.message.contains("STRIPE_WEBHOOK_SECRET is not set"));
        let error = webhook_secrets(Some(" , ")).unwrap_err();
        assert!(error.message.contains("no signing secret given"));
        let [a, b] = ["whsec_9JfZ3kWq7mXbT1vRyD5c", "whsec_4GhNs8LpE2uAoC6xBiQz"];
        let list =
            |list: &str| deployment_webhook_secrets(Some(list)).map_err(|error| error.message);
        assert!(list(&format!("{a}, whsec_demo")).is_err());
        assert!(list(&format!("{a},{b}")).is_ok());
        assert!(list("whsec_…").unwrap_err().contains("is a placeholder"));
        assert!(list("whsec_").unwrap_err().contains("at least 24 bytes, this one has 6"));
        assert!(demo_webhook_secrets(None).is_ok());
        assert!(demo_webhook_secrets(Some("whsec_cli")).is_ok());
        let error = |secret, jwks| jwt_secret(secret, jwks).map(|_| ()).unwrap_err().message;
        assert!(error(None, false).contains("TIERLIFT_JWT_SECRET is not set"));
        assert!(error(Some("short"), true).contains("at least 32 bytes, this one has 5"));
        assert!(jwt_secret(None, true).unwrap().is_none());
        let good = "a secret of at least thirty-two bytes";
        assert!(jwt_secret(Some(good), false).unwrap().is_some());
        assert!(jwt_secret(Some(&format!("another {good},{good}")), false).unwrap().is_some());
        assert!(error(Some(&"x".repeat(32)), false).contains("is a placeholder"));
    }

    #[test]
    fn signing_keys_come_from_a_variable_or_from_the_file_that_one_names() {
        let key = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.pem");
        fs::write(
            &path,
            format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"),
        )
        .unwrap();
        let path = path.to_str().unwrap();
        assert!(signing_keys(None, None).unwrap().is_none());
        for (text, file) in [(Some(key), None), (None, Some(path))] {
            assert!(signing_keys(text, file).unwrap().is_some());
        }
        for (text, file, part) in [
            (
                Some(key),
                Some(path),
                "TIERLIFT_SIGNING_KEYS: TIERLIFT_SIGNING_KEYS_FILE is set, too",
            ),
            (Some("x"), None, "TIERLIFT_SIGNING_KEYS: signing key 1 is no private key"),
            (
                None,
                Some("/nowhere/keys.pem"),
                "TIERLIFT_SIGNING_KEYS_FILE: /nowhere/keys.pem: No such",
            ),
        ] {
            let error = signing_keys(text, file).unwrap_err();
            assert_eq!(error.code, Code::SecretInvalid);
            assert!(error.message.starts_with(part), "{}", error.message);
        }
    }

    #[test]
    fn a_key_of_the_other_mode_is_refused() {
        let code = |key, livemode| api_key(key, livemode).map(|_| ()).map_err(|error| error.code);
        assert_eq!(code(None, true), Ok(()));
        assert_eq!(code(Some("rk_live_123"), true), Ok(()));
        assert_eq!(code(Some("rk_test_123"), true), Err(Code::StripeWrongMode));
        assert_eq!(code(Some("sk_live_123"), false), Err(Code::StripeWrongMode));
        assert_eq!(code(Some("pk_live_123"), true), Err(Code::SecretInvalid));
        let error = api_key(Some("rk_live_123"), false).unwrap_err().message;
        assert!(error.contains("STRIPE_API_KEY is a key of live mode"), "{error}");
        assert!(!error.contains("123"), "{error}");
    }

    #[test]
    fn webhooks_and_tokens_have_no_secret_in_common() {
        for (webhooks, tokens, is_fine) in [
            (None, None, true),
            (Some("a, b"), Some("c,d"), true),
            (Some("a,,"), Some(",c"), true),
            (Some("a, b"), Some("b"), false),
            (Some("a"), Some("c, a "), false),
        ] {
            assert_eq!(
                check_different(webhooks, tokens).is_ok(),
                is_fine,
                "{webhooks:?} {tokens:?}"
            );
        }
    }

    #[test]
    fn the_demos_secret_is_generated_once_and_readable_by_its_owner_only() {
        let name = format!("tierlift-credentials-{}", std::process::id());
        let data = std::env::temp_dir().join(name);
        let path = beside(&data, ".jwt-secret");
        drop(fs::remove_file(&path));
        let first = demo_jwt_secret(&data).unwrap();
        assert_eq!(first.len(), 2 * JWT_SECRET_BYTES_MIN);
        assert_eq!(demo_jwt_secret(&data).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(demo_jwt_secret(&data).unwrap_err().to_string().contains("is truncated"));
        fs::remove_file(&path).unwrap();
    }
}
