//! What a reconciliation found, for people.

use tierlift_core::reconciliation::Reconciliation;

/// One fact in each line.
pub(super) fn lines(done: &Reconciliation, is_dry_run: bool) -> Vec<String> {
    let report = &done.report;
    let fixed = if is_dry_run { "would change an account" } else { "changed an account" };
    let mut lines = vec![
        format!("{} objects checked on {} pages", report.checked, report.pages),
        format!("{} were right", report.right),
        format!("{} {fixed}", report.fixed),
    ];
    let mut add = |count: u64, what: &str| {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    };
    add(report.never_came, "customers of these had a webhook that never came");
    add(report.came_and_failed, "customers of these had a webhook that came and failed");
    add(report.unowned, "belong to nobody: no user is known (owner.unknown)");
    add(report.parked, "cannot be applied");
    for (price, count) in &report.unmapped {
        lines.push(format!("price {price} has no plan and {count} subscriptions (plan.unmapped)"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use tierlift_core::{observation::Because, reconciliation::Report, time::Timestamp};

    use super::*;

    #[test]
    fn a_report_says_what_was_found_and_nothing_else() {
        let mut done = Reconciliation::new(Because::Import, Timestamp::from_secs(0));
        done.report = Report { pages: 2, checked: 9, right: 4, fixed: 2, ..Report::default() };
        let text = |done: &_, dry| lines(done, dry).join("\n");
        insta::assert_snapshot!(text(&done, true), @r"
        9 objects checked on 2 pages
        4 were right
        2 would change an account
        ");
        done.report.unowned = 1;
        done.report.parked = 2;
        done.report.never_came = 1;
        done.report.note_unmapped("price_x".to_owned());
        insta::assert_snapshot!(text(&done, false), @r"
        9 objects checked on 2 pages
        4 were right
        2 changed an account
        1 customers of these had a webhook that never came
        1 belong to nobody: no user is known (owner.unknown)
        2 cannot be applied
        price price_x has no plan and 1 subscriptions (plan.unmapped)
        ");
    }
}
