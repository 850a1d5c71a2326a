//! Tables for people: aligned columns, and nothing that a terminal would obey.

use serde_json::Value;

/// Spaces between columns.
const GAP: usize = 2;

/// Rows under a head.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|it| (*it).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|it| plain(&it)).collect());
    }

    /// The table, or `none` if it has no rows.
    pub(crate) fn render(&self, none: &str) -> String {
        if self.rows.len() < 2 {
            return format!("{none}\n");
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|it| it.get(column));
            cells.map(|it| it.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let padding = width - cell.chars().count() + GAP;
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', padding));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// One line, without control characters: much of what is shown was written by others, and a
/// terminal obeys some of them.
pub(crate) fn plain(text: &str) -> String {
    let is_space = |it: char| it == '\n' || it == '\t' || it == '\r';
    let visible = text.chars().map(|it| if is_space(it) { ' ' } else { it });
    visible.filter(|it| !it.is_control() && !turns(*it)).collect()
}

/// Characters that turn the direction of what follows, so that it reads as something else.
fn turns(it: char) -> bool {
    matches!(it, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A value as a cell: texts bare, nothing for null.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A word if something holds.
pub(crate) fn mark(value: &Value, word: &str) -> String {
    let holds = !matches!(value, Value::Null | Value::Bool(false));
    if holds { word.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["ID", "NAME", "TEXT"]);
        table.row(["7", "acme/wéb", ""].map(str::to_owned));
        table.row(["1234", "x", "y"].map(str::to_owned));
        assert_eq!(
            table.render("none"),
            "ID    NAME      TEXT\n7     acme/wéb\n1234  x         y\n"
        );
        assert_eq!(Table::new(&["ID"]).render("none"), "none\n");
    }

    #[test]
    fn a_terminal_is_told_nothing_but_text() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{7}\u{9b}x\u{202e}y"), "a[2Jb cxy");
    }

    #[test]
    fn values_are_cells() {
        assert_eq!(cell(&json!(["a", 1, null])), "a, 1, ");
        assert_eq!(
            (cell(&json!(null)), cell(&json!("x")), cell(&json!(7))),
            (String::new(), "x".into(), "7".into())
        );
        assert_eq!(
            (mark(&json!(false), "w"), mark(&json!("2027"), "w")),
            (String::new(), "w".into())
        );
    }
}
