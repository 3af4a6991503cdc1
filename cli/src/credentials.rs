//! What the environment has to provide: the webhook's signing secrets and the tokens' secret.
//!
//! Nothing falls back: what is missing is named, with what to set. In a demo the webhook secret is
//! public, and the token secret is made once and kept beside the data, readable by its owner alone.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tierlift_core::{stripe::signature::Secrets, token};

/// The demo's webhook secret. Everybody knows it, so a demo listens on loopback only.
pub(crate) const DEMO_WEBHOOK_SECRET: &str = "whsec_demo";
/// The environment's name of the webhook secrets.
pub(crate) const WEBHOOK_SECRET_VAR: &str = "STRIPE_WEBHOOK_SECRET";
/// The environment's name of the token secret.
pub(crate) const JWT_SECRET_VAR: &str = "TIERLIFT_JWT_SECRET";

const JWT_SECRET_BYTES: usize = 32;

/// A variable that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The webhook secrets of a list, or what to do about it.
pub(crate) fn webhook_secrets(list: Option<&str>) -> Result<Secrets, String> {
    let Some(list) = list else {
        return Err(format!(
            "{WEBHOOK_SECRET_VAR} is not set; set it to the signing secret of your webhook endpoint, \
             whsec_… (Stripe: Workbench, Webhooks, the endpoint, Signing secret)"
        ));
    };
    Secrets::parse(list).map_err(|error| format!("{WEBHOOK_SECRET_VAR}: {error}"))
}

/// The same for a deployment, where the demo's secret would let everybody sign.
pub(crate) fn private_webhook_secrets(list: Option<&str>) -> Result<Secrets, String> {
    if list.is_some_and(|list| list.split(',').any(|secret| secret.trim() == DEMO_WEBHOOK_SECRET)) {
        return Err(format!(
            "{WEBHOOK_SECRET_VAR} has {DEMO_WEBHOOK_SECRET}, which is for --demo: everybody can sign \
             with it; set it to the signing secret of your webhook endpoint"
        ));
    }
    webhook_secrets(list)
}

/// The token secret, or what to do about it. A key set does without.
pub(crate) fn jwt_secret(
    secret: Option<&str>,
    has_jwks: bool,
) -> Result<Option<token::Secret>, String> {
    match secret {
        Some(secret) => token::Secret::new(secret)
            .map(Some)
            .map_err(|error| format!("{JWT_SECRET_VAR}: {error}")),
        None if has_jwks => Ok(None),
        None => Err(format!(
            "{JWT_SECRET_VAR} is not set and the configuration names no jwks_url; set the variable to \
             the secret of your access tokens (HS256, at least 32 bytes), or jwks_url in the file"
        )),
    }
}

/// The demo's token secret: the one beside the data file, or a new one.
pub(crate) fn demo_jwt_secret(data: &Path) -> anyhow::Result<String> {
    let path = demo_jwt_secret_path(data);
    let read = || format!("the demo's token secret in {}", path.display());
    match fs::read_to_string(&path) {
        Ok(secret) if secret.trim().len() < JWT_SECRET_BYTES => {
            bail!("{} is cut short; remove it, and a new secret is made", path.display())
        }
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_new(&path).with_context(read)
        }
        Err(error) => Err(error).with_context(read),
    }
}

fn demo_jwt_secret_path(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".jwt-secret");
    PathBuf::from(name)
}

fn write_new(path: &Path) -> anyhow::Result<String> {
    let mut bytes = [0; JWT_SECRET_BYTES];
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
    fn what_is_missing_is_named_with_what_to_set() {
        assert!(webhook_secrets(None).unwrap_err().contains("STRIPE_WEBHOOK_SECRET is not set"));
        assert!(webhook_secrets(Some(" , ")).unwrap_err().contains("no signing secret given"));
        assert!(webhook_secrets(Some("whsec_a,whsec_b")).is_ok());
        assert!(private_webhook_secrets(Some("whsec_a, whsec_demo")).is_err());
        assert!(private_webhook_secrets(Some("whsec_a,whsec_b")).is_ok());
        let error = |secret, jwks| jwt_secret(secret, jwks).map(|_| ()).unwrap_err();
        assert!(error(None, false).contains("TIERLIFT_JWT_SECRET is not set"));
        assert!(error(Some("short"), true).contains("at least 32 bytes, this one has 5"));
        assert!(jwt_secret(None, true).unwrap().is_none());
        assert!(jwt_secret(Some(&"x".repeat(32)), false).unwrap().is_some());
    }

    #[test]
    fn the_demos_secret_is_made_once_and_is_its_owners() {
        let name = format!("tierlift-credentials-{}", std::process::id());
        let data = std::env::temp_dir().join(name);
        let path = demo_jwt_secret_path(&data);
        drop(fs::remove_file(&path));
        let first = demo_jwt_secret(&data).unwrap();
        assert_eq!(first.len(), 2 * JWT_SECRET_BYTES);
        assert_eq!(demo_jwt_secret(&data).unwrap(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(demo_jwt_secret(&data).unwrap_err().to_string().contains("is cut short"));
        fs::remove_file(&path).unwrap();
    }
}
