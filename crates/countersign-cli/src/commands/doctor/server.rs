//! Whether trust servers answer, with a certificate that is trusted, and with a clock that agrees with ours.

use std::collections::BTreeMap;

use countersign_client::trust_server::{DOCKER_HUB, TrustServer, VARIABLE};
use countersign_core::name::Gun;
use countersign_core::time::DateTime;
use countersign_registry::http::{Request, Response};
use http::StatusCode;
use http::header::DATE;
use jiff::fmt::rfc2822;
use tokio::task::spawn_blocking;

use super::cached::collections;
use super::finding::Finding;
use super::subject::Subject;
use crate::app::App;
use crate::time::span;

/// Most servers that are asked when none is named.
const SERVERS: usize = 5;
/// A clock further off than this, in seconds, is worth a word.
const WARN_SECONDS: i64 = 5 * 60;
/// A clock further off than this, in seconds, decides wrongly what has expired.
const FAIL_SECONDS: i64 = 24 * 60 * 60;
/// When Docker Hub's trust server closes.
const HUB_CLOSES: &str = "2026-12-08T00:00:00Z";

pub(super) async fn check(subject: Option<&Subject>, app: &App) -> Vec<Finding> {
    let servers = match servers(subject, app).await {
        Ok(servers) => servers,
        Err(error) => return vec![Finding::error("server", &error)],
    };
    let mut findings = Vec::new();
    if servers.is_empty() {
        let text =
            format!("no trust server is named; images of `docker.io` would be asked for at {DOCKER_HUB}");
        findings.push(Finding::warn("server", text));
        findings.push(docker_hub(app.context().now()));
    }
    for server in servers {
        if server.is_docker_hub() {
            findings.push(docker_hub(app.context().now()));
        }
        findings.extend(ask(&server, app).await);
    }
    findings
}

/// The servers in question: of the subject, or the one that is named for everything, or of the cached collections.
async fn servers(subject: Option<&Subject>, app: &App) -> anyhow::Result<Vec<TrustServer>> {
    if let Some(subject) = subject {
        return Ok(vec![app.context().trust_server(&subject.gun)?]);
    }
    if app.context().variable(VARIABLE).is_some() {
        let any: Gun = "docker.io/library/any".parse()?;
        return Ok(vec![app.context().trust_server(&any)?]);
    }
    let trust_dir = app.context().trust_dir();
    let cached = spawn_blocking(move || collections(&trust_dir)).await?;
    let mut servers = BTreeMap::new();
    for collection in cached {
        let server = app.context().trust_server(&collection.gun)?;
        servers.insert(server.host(), server);
    }
    Ok(servers.into_values().take(SERVERS).collect())
}

/// Asks a server who it is.
async fn ask(server: &TrustServer, app: &App) -> Vec<Finding> {
    let http = match app.http() {
        Ok(http) => http,
        Err(error) => return vec![Finding::error("server", &error)],
    };
    match http.send(Request::get(server.join(""))).await {
        Ok(response) => {
            let now = app.context().now();
            let mut findings = vec![answered(server, response.status(), app)];
            findings.extend(clock(server, &response, now));
            findings
        }
        Err(error) => {
            let finding = Finding::error(
                "server",
                &anyhow::Error::new(error).context(format!("`{server}` cannot be used")),
            );
            vec![if finding.hint.is_some() {
                finding
            } else {
                finding.hint(format!("`{VARIABLE}` names the trust server to ask"))
            }]
        }
    }
}

fn answered(server: &TrustServer, status: StatusCode, app: &App) -> Finding {
    let own = app.context().tls_dir().join(server.host());
    let authority = if own.is_dir() {
        format!("the files in `{}`", own.display())
    } else {
        "this machine's authorities".to_owned()
    };
    match status {
        StatusCode::OK => {
            Finding::ok("server", format!("`{server}` answers, its certificate is trusted by {authority}"))
        }
        StatusCode::UNAUTHORIZED => {
            let text = format!(
                "`{server}` answers and asks for an account, its certificate is trusted by {authority}"
            );
            Finding::ok("server", text)
        }
        status => {
            let finding =
                Finding::fail("server", format!("`{server}` answers with status {}", status.as_u16()));
            finding
                .hint(format!("what answers there may be no trust server; `{VARIABLE}` names the one to ask"))
        }
    }
}

/// Compares clocks. A server that gives no time is not worth a word.
fn clock(server: &TrustServer, response: &Response, now: DateTime) -> Option<Finding> {
    let theirs = date(response.header(&DATE)?)?;
    Some(compare(now, theirs, &server.host()))
}

/// How far this machine's clock is ahead of a server's, in seconds, if that is so far that one of them decides wrongly what has
/// expired. A server that gives no time is believed to agree, and one that gives no answer is for others to talk about.
pub(crate) async fn clock_apart(server: &TrustServer, app: &App) -> Option<i64> {
    let response = app.http().ok()?.send(Request::get(server.join(""))).await.ok()?;
    let ahead = response.header(&DATE).and_then(date).map(|theirs| theirs.seconds_until(app.context().now()));
    ahead.filter(|ahead| ahead.abs() >= FAIL_SECONDS)
}

/// Source: RFC 9110 §5.6.7.
fn date(text: &str) -> Option<DateTime> {
    DateTime::from_unix(rfc2822::parse(text).ok()?.timestamp().as_second())
}

fn compare(ours: DateTime, theirs: DateTime, host: &str) -> Finding {
    let ahead = theirs.seconds_until(ours);
    let way = if ahead < 0 { "behind" } else { "ahead of" };
    let text = format!("this machine's clock is {} {way} that of `{host}`", span(ahead.abs()));
    let hint = "expiries are compared with the clock: set the one of the two that is wrong";
    match ahead.abs() {
        ..WARN_SECONDS => Finding::ok("clock", format!("this machine's clock agrees with that of `{host}`")),
        WARN_SECONDS..FAIL_SECONDS => Finding::warn("clock", text).hint(hint),
        _ => Finding::fail("clock", text).hint(hint),
    }
}

/// What becomes of Docker Hub's trust server.
fn docker_hub(now: DateTime) -> Finding {
    let hint = format!(
        "name one of your own with `export {VARIABLE}=https://HOST:PORT`, or start one with `countersign server`"
    );
    let left = HUB_CLOSES.parse::<DateTime>().map_or(0, |closes| now.seconds_until(closes));
    let text = if left > 0 {
        format!("Docker Hub's trust server closes on 2026-12-08, in {}", span(left))
    } else {
        "Docker Hub's trust server closed on 2026-12-08".to_owned()
    };
    Finding::warn("server", text).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
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
            let finding = compare(now, now.plus_seconds(off), "t.example");
            assert_eq!(finding.level, level, "{off}");
        }
    }

    #[test]
    fn dates_of_http_are_read() {
        let parsed = date("Sun, 06 Nov 1994 08:49:37 GMT").map(|time| time.to_string());
        assert_eq!(parsed.as_deref(), Some("1994-11-06T08:49:37Z"));
    }

    #[test]
    fn docker_hub_closes_and_then_has_closed() {
        let at = |text: &str| docker_hub(text.parse().expect("a time")).text;
        assert_eq!(at("2026-11-24T00:00:00Z"), "Docker Hub's trust server closes on 2026-12-08, in 14 days");
        assert_eq!(at("2026-12-08T00:00:00Z"), "Docker Hub's trust server closed on 2026-12-08");
    }
}
