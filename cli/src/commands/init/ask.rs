//! The three questions, where there is a terminal and no option has the answer.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::{
    Args,
    file::{Choices, Offer},
};

/// What is chosen by options, answers and defaults.
pub(super) fn choices(args: &Args, livemode: bool, offers: Vec<Offer>) -> Choices {
    let is_asked = io::stdin().is_terminal();
    let roles = if args.roles.is_empty() {
        list(&answer(is_asked, "Which roles are there, lowest first?", "free, paid"))
    } else {
        args.roles.iter().map(|role| role.trim().to_owned()).collect()
    };
    let user_id_key = args.user_id_key.clone().unwrap_or_else(|| {
        answer(is_asked, "Which key of Stripe's metadata has the id of your user?", "user_id")
    });
    let highest = roles.last().cloned().unwrap_or_default();
    let (mut plans, mut ignored) = (args.plans.clone(), Vec::new());
    for Offer { price, name } in offers {
        if plans.iter().any(|(key, _)| *key == price) {
            continue;
        }
        let role = if args.plans.is_empty() {
            let question = format!("Which role does {name} ({price}) earn? `-` for none.");
            answer(is_asked, &question, &highest)
        } else {
            "-".to_owned()
        };
        if role == "-" {
            ignored.push(price);
        } else {
            plans.push((price, role));
        }
    }
    Choices { livemode, roles, user_id_key, plans, ignored }
}

fn list(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// The answer to a question; the default if there is none.
fn answer(is_asked: bool, question: &str, default: &str) -> String {
    let mut line = String::new();
    if is_asked {
        drop(write!(io::stderr(), "{question} [{default}] "));
        // The end of the input is no answer.
        drop(io::stdin().lock().read_line(&mut line));
    }
    let line = line.trim();
    if line.is_empty() { default.to_owned() } else { line.to_owned() }
}
