//! The text of a configuration.

use std::fmt::Write as _;

use tierlift_core::codes::Code;

use crate::{config::Config, error::Problem};

/// A price that is sold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) price: String,
    pub(super) name: String,
}

/// What goes into the file.
#[derive(Debug)]
pub(super) struct Choices {
    pub(super) livemode: bool,
    pub(super) roles: Vec<String>,
    pub(super) user_id_key: String,
    /// Price and role.
    pub(super) plans: Vec<(String, String)>,
    /// Prices that have nothing to do with roles.
    pub(super) ignored: Vec<String>,
}

/// The file, which the program accepts.
pub(super) fn text(choices: &Choices) -> Result<String, Problem> {
    let invalid = |message: String| Problem::new(Code::UsageInvalid, message);
    if choices.plans.is_empty() {
        let message = "no plans; name them with --plan PRICE=ROLE, or set STRIPE_API_KEY";
        return Err(invalid(message.to_owned()));
    }
    let text = written(choices);
    let config = Config::parse("the configuration", &text);
    match config.map_err(|error| error.to_string()) {
        Ok(_) => Ok(text),
        Err(message) => Err(invalid(message)),
    }
}

fn written(choices: &Choices) -> String {
    let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    let list = |texts: &[String]| texts.iter().map(quoted).collect::<Vec<_>>().join(", ");
    let Choices { livemode, roles, user_id_key, plans, ignored } = choices;
    let mut text = format!(
        "# tierlift's configuration. Every key, with its default: tierlift.example.toml.\n\n\
         # Roles, lowest first. Everybody who has not paid has the first one.\nroles = [{}]\n\n\
         # Whether events are live ones. A data file keeps its kind permanently.\nlivemode = {livemode}\n\n\
         # Keys of Stripe's metadata that have the id of your user, best first.\nuser_id_keys = [{}]\n\n\
         # The role that each price earns.\n[plans]\n",
        list(roles),
        quoted(user_id_key),
    );
    for (key, role) in plans {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} = {}", quoted(key), quoted(role));
    }
    if !ignored.is_empty() {
        let _ = write!(
            text,
            "\n[policy]\n# Prices that have nothing to do with roles.\nignore_prices = [{}]\n",
            list(ignored)
        );
    }
    text
}
