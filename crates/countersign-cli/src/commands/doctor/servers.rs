//! Trust servers: whether they answer, by whose certificate, and what time they have.

use std::collections::BTreeMap;

use countersign_client::trust_server::{TrustServer, VARIABLE};
use countersign_core::name::Gun;
use countersign_core::time::DateTime;
use countersign_registry::http::Request;
use countersign_registry::reference::ImageReference;
use http::StatusCode;
use http::header::DATE;
use jiff::fmt::rfc2822;

use super::Finding;
use crate::app::App;
use crate::hint::hint;
use crate::report;
use crate::time::{minute, span};

/// A clock further off than this, in seconds, is worth a word.
const WARN_SECONDS: i64 = 5 * 60;
/// A clock further off than this, in seconds, decides wrongly what has expired.
const FAIL_SECONDS: i64 = 24 * 60 * 60;

/// Asks each trust server that is in use, and compares clocks with them.
pub(super) async fn examine(image: Option<&ImageReference>, cached: &[Gun], app: &App) -> Vec<Finding> {
    let guns: Vec<_> = image.map(ImageReference::gun).into_iter().chain(cached.iter().cloned()).collect();
    let mut servers = BTreeMap::new();
    let mut findings = Vec::new();
    for gun in &guns {
        match app.context().trust_server(gun) {
            Ok(server) => {
                servers.insert(server.to_string(), server);
            }
            Err(error) => return vec![Finding::fail("server", error.to_string(), hint(&error))],
        }
    }
    if let (true, Some(named)) = (servers.is_empty(), app.context().variable(VARIABLE)) {
        match named.to_string_lossy().parse::<TrustServer>() {
            Ok(server) => {
                servers.insert(server.to_string(), server);
            }
            Err(error) => return vec![Finding::fail("server", error.to_string(), hint(&error))],
        }
    }
    if servers.is_empty() {
        let text = "none is named and none was used yet; images of docker.io would be looked up at Docker Hub's, which closed on \
                    2026-12-08";
        let hint = format!(
            "name one with `export {VARIABLE}=https://HOST:PORT`, or start one with `countersign server`"
        );
        findings.push(Finding::warn("server", text, hint));
    }
    let mut clock = None;
    for server in servers.into_values() {
        let (finding, time) = ask(&server, app).await;
        findings.push(finding);
        clock = clock.or(time.map(|time| (server.host(), time)));
    }
    findings.push(compare(app.context().now(), clock));
    findings
}

async fn ask(server: &TrustServer, app: &App) -> (Finding, Option<DateTime>) {
    let client = match app.http() {
        Ok(client) => client,
        Err(error) => return (Finding::fail("server", format!("{error:#}"), None), None),
    };
    match client.send(Request::get(server.join(""))).await {
        Ok(response) => {
            let time = response.header(&DATE).and_then(parse_date);
            let finding = match response.status() {
                StatusCode::OK => Finding::ok("server", format!("{server} answers")),
                StatusCode::UNAUTHORIZED => {
                    Finding::ok("server", format!("{server} answers, and wants to know who asks"))
                }
                status => {
                    let text = format!("{server} answers with status {}", status.as_u16());
                    Finding::fail(
                        "server",
                        text,
                        Some(format!("it may be no trust server; `{VARIABLE}` names the one to ask")),
                    )
                }
            };
            (finding, time)
        }
        Err(error) => {
            let help = if server.is_docker_hub() {
                Some(format!(
                    "Docker Hub's trust server closed on 2026-12-08; `{VARIABLE}` names another one"
                ))
            } else {
                hint(&error)
            };
            (Finding::fail("server", format!("{server}: {}", report::one_line(&error)), help), None)
        }
    }
}

/// Source: RFC 9110 §5.6.7.
fn parse_date(text: &str) -> Option<DateTime> {
    DateTime::from_unix(rfc2822::parse(text).ok()?.timestamp().as_second())
}

fn compare(now: DateTime, other: Option<(String, DateTime)>) -> Finding {
    let Some((server, time)) = other else {
        let hint = "what has expired is decided by this clock";
        return Finding::warn("clock", format!("{}, with nobody to compare it with", minute(now)), hint);
    };
    let off = now.seconds_until(time);
    let direction = if off > 0 { "behind" } else { "ahead of" };
    let text = format!("{}, {} {direction} {server}", minute(now), span(off.abs()));
    let hint = "set the clock; what has expired is decided by it";
    match off.abs() {
        ..WARN_SECONDS => Finding::ok("clock", format!("{}, as {server} has it", minute(now))),
        WARN_SECONDS..FAIL_SECONDS => Finding::warn("clock", text, hint),
        _ => Finding::fail("clock", text, Some(hint.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn clocks_are_compared_at_their_bounds() {
        let now: DateTime = "2026-11-24T12:00:00Z".parse().expect("a time");
        for (off, level) in [
            (0, Level::Ok),
            (299, Level::Ok),
            (-300, Level::Warn),
            (86_399, Level::Warn),
            (-86_400, Level::Fail),
        ] {
            let finding = compare(now, Some(("t.example".to_owned(), now.plus_seconds(off))));
            assert_eq!(finding.level, level, "{off}");
        }
        assert_eq!(compare(now, None).level, Level::Warn);
    }

    #[test]
    fn dates_of_http_are_read() {
        let parsed = parse_date("Sun, 06 Nov 1994 08:49:37 GMT").map(|time| time.to_string());
        assert_eq!(parsed.as_deref(), Some("1994-11-06T08:49:37Z"));
    }
}
