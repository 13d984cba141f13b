//! The page `docs/security/attacks.md` shows this table.

use super::{Client, Row, Server, rows};

const PAGE: &str = include_str!("../../../../../docs/security/attacks.md");

/// The row as the page shows it.
fn line(row: &Row) -> String {
    let server = match row.server {
        Server::Takes => "takes".to_owned(),
        Server::Refuses(name, _) => format!("`{name}`"),
    };
    let client = match row.client {
        Client::Takes => "takes".to_owned(),
        Client::Ignores(_) => "ignores".to_owned(),
        Client::Refuses(name) => format!("`{name}`"),
    };
    format!("| {} | {} | {server} | {client} | {} |", row.attack, row.ids, row.why)
}

#[test]
fn page_shows_the_whole_table_and_nothing_else() {
    let table: Vec<String> = rows().iter().map(line).collect();
    let uploads = PAGE.split("\n## ").find(|section| section.starts_with("Uploads\n")).expect("a section");
    let (_, shown) = uploads.split_once("<!-- verdicts -->\n").expect("a table");
    let (shown, _) = shown.split_once("<!-- end of verdicts -->").expect("an end");
    let shown: Vec<&str> = shown.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(shown == table, "the table on the page should be:\n{}", table.join("\n"));
}
