//! Answers as people read them: tables with a head, in columns, and values without quotes. What a customer or an event
//! says is printed without control characters, so that it cannot play with the terminal.

use serde_json::Value;

use crate::print_line::print_line;

/// Prints an answer as JSON, or as its lines.
pub(crate) fn print(is_json: bool, answer: &Value, lines: impl FnOnce(&Value) -> Vec<String>) {
    if is_json {
        print_line(&format!("{answer:#}"));
        return;
    }
    for line in lines(answer) {
        print_line(&line);
    }
}

/// A value as text: a list as its items, nothing as a dash.
pub(crate) fn text(value: &Value) -> String {
    let shown = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    };
    shown.replace(char::is_control, " ")
}

/// The lines of a table: its head, and a row of these members for each item.
pub(crate) fn print_rows(items: &Value, columns: &[(&str, &str)]) -> Vec<String> {
    let head = columns.iter().map(|(title, _)| (*title).to_owned()).collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    for item in items.as_array().into_iter().flatten() {
        rows.push(columns.iter().map(|(_, name)| text(&item[*name])).collect());
    }
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns.len()).map(|it| width(it).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_columns_and_no_control_characters() {
        let items = json!([
            {"cause": "plan.unmapped", "count": 12, "note": null},
            {"cause": "a\u{1b}[2J\nb", "count": 3, "note": "é"},
        ]);
        let lines = print_rows(&items, &[("CAUSE", "cause"), ("N", "count"), ("NOTE", "note")]);
        assert_eq!(
            lines,
            ["CAUSE          N   NOTE", "plan.unmapped  12  -", "a [2J b        3   é"]
        );
    }
}
