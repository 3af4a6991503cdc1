//! The secrets of a server: those that sign webhooks, and the one that signs access tokens.
//!
//! Nothing falls back to a default: a secret that is missing is named, with what to set. In a demo the
//! webhook secret is public; the token secret is generated once and kept beside the data, readable by
//! its owner only.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tierlift_core::{codes::Code, limits::JWT_SECRET_BYTES_MIN, stripe::signature::Secrets, token};

use crate::error::Problem;

/// Webhook secret of every demo. It is public, so a demo listens on loopback addresses only.
pub(crate) const DEMO_WEBHOOK_SECRET: &str = "whsec_demo";
/// Environment variable of the webhook secrets.
pub(crate) const WEBHOOK_SECRET_VAR: &str = "STRIPE_WEBHOOK_SECRET";
/// Environment variable of the token secret.
pub(crate) const JWT_SECRET_VAR: &str = "TIERLIFT_JWT_SECRET";

/// The value of a variable, if it is set and not blank.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Parses a comma-separated list of webhook secrets.
pub(crate) fn webhook_secrets(list: Option<&str>) -> Result<Secrets, Problem> {
    let Some(list) = list else {
        let message = format!(
            "{WEBHOOK_SECRET_VAR} is not set; set it to the signing secret of your webhook endpoint, \
             whsec_… (Stripe: Workbench, Webhooks, the endpoint, Signing secret)"
        );
        return Err(Problem::new(Code::SecretMissing, message));
    };
    Secrets::parse(list).map_err(|error| {
        Problem::new(Code::SecretInvalid, format!("{WEBHOOK_SECRET_VAR}: {error}"))
    })
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

/// The token secret. It is optional with a key set.
pub(crate) fn jwt_secret(
    secret: Option<&str>,
    has_jwks: bool,
) -> Result<Option<token::Secret>, Problem> {
    match secret {
        Some(secret) => token::Secret::new(secret).map(Some).map_err(|error| {
            Problem::new(Code::SecretInvalid, format!("{JWT_SECRET_VAR}: {error}"))
        }),
        None if has_jwks => Ok(None),
        None => {
            let message = format!(
                "{JWT_SECRET_VAR} is not set and the configuration has no jwks_url; set the variable to \
                 the secret of your access tokens (HS256, at least 32 bytes), or jwks_url in the file"
            );
            Err(Problem::new(Code::SecretMissing, message))
        }
    }
}

/// The token secret of a demo: the one beside the data file, or a new one.
pub(crate) fn demo_jwt_secret(data: &Path) -> anyhow::Result<String> {
    let path = demo_jwt_secret_path(data);
    let context = || format!("the demo's token secret in {}", path.display());
    match fs::read_to_string(&path) {
        Ok(secret) if secret.trim().len() < JWT_SECRET_BYTES_MIN => {
            bail!("{} is truncated; delete it to have a new secret generated", path.display())
        }
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_new(&path).with_context(context)
        }
        Err(error) => Err(error).with_context(context),
    }
}

fn demo_jwt_secret_path(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".jwt-secret");
    PathBuf::from(name)
}

fn write_new(path: &Path) -> anyhow::Result<String> {
    let mut bytes = [0; JWT_SECRET_BYTES_MIN];
    getrandom::fill(&mut bytes).map_err(io::Error::from)?;
    let secret = hex::encode(bytes);
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
        assert!(webhook_secrets(Some("whsec_a,whsec_b")).is_ok());
        assert!(deployment_webhook_secrets(Some("whsec_a, whsec_demo")).is_err());
        assert!(deployment_webhook_secrets(Some("whsec_a,whsec_b")).is_ok());
        let error = |secret, jwks| jwt_secret(secret, jwks).map(|_| ()).unwrap_err().message;
        assert!(error(None, false).contains("TIERLIFT_JWT_SECRET is not set"));
        assert!(error(Some("short"), true).contains("at least 32 bytes, this one has 5"));
        assert!(jwt_secret(None, true).unwrap().is_none());
        assert!(jwt_secret(Some(&"x".repeat(32)), false).unwrap().is_some());
    }

    #[test]
    fn the_demos_secret_is_generated_once_and_readable_by_its_owner_only() {
        let name = format!("tierlift-credentials-{}", std::process::id());
        let data = std::env::temp_dir().join(name);
        let path = demo_jwt_secret_path(&data);
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
