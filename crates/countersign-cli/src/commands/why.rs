//! `why`: the chain behind a verdict, or the first link that fails.

use std::fmt::Write as _;

use countersign_client::remote_http::Access;
use countersign_client::why::{Failure, Link, Verdict, Why, explain};
use countersign_core::digest::Digest;
use countersign_core::name::{RoleName, TargetName, TopRole};
use countersign_core::time::{DateTime, UpdateStart};
use countersign_registry::reference::ImageReference;

use crate::app::App;
use crate::exit::ExitStatus;
use crate::output::{ERROR, FAINT, GOOD, HEADING, WARNING};
use crate::refusal::Refusal;
use crate::time::{ago, minute, span};

/// Show why an image is trusted, or the first link that fails
///
/// Checks what a pull would check, and pulls nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: NAME[:TAG]
    #[arg(value_name = "REF")]
    image: ImageReference,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Ask no server: show what is cached, and how old that is
    #[arg(long)]
    offline: bool,
}

/// Explains. The exit code is the verdict's.
pub(crate) async fn run(args: Args, app: &App) -> anyhow::Result<ExitStatus> {
    let image = args.image.or_latest();
    let Some(tag) = image.tag() else { return Err(Refusal::NoTag.into()) };
    let name = TargetName::from(tag.to_owned());
    let gun = image.gun();
    let updater = if args.offline { app.offline_updater(&gun)? } else { app.updater(&gun, Access::Pull)? };
    let start = UpdateStart(app.context().now());
    let mut why = explain(&updater, start, Some(&name)).await;
    if let Some(digest) = image.digest() {
        compare(&mut why, *digest);
    }
    if args.json {
        app.printer().data(serde_json::to_string(&why)?)?;
    } else {
        app.printer().data_text(&tree(&image, &why))?;
    }
    Ok(match why.verdict {
        Verdict::Trusted => ExitStatus::Success,
        Verdict::Untrusted => ExitStatus::Untrusted,
        Verdict::Unknown => ExitStatus::Failure,
    })
}

/// A tag and a digest must agree.
fn compare(why: &mut Why, found: Digest) {
    let Some(target) = why.target.take_if(|target| target.digest != found) else { return };
    let tag = target.name.as_str().to_owned();
    let refusal = Refusal::OtherDigest { tag, signed: target.digest, found };
    why.verdict = Verdict::Untrusted;
    why.failure = Some(Failure { role: Some(target.role), causes: vec![refusal.to_string()] });
}

/// The verdict, how it came about, and the files as a tree: root at the top, below it what its keys sign.
fn tree(image: &ImageReference, why: &Why) -> String {
    let mut text = String::new();
    let (style, verdict) = match why.verdict {
        Verdict::Trusted => (GOOD, "trusted"),
        Verdict::Untrusted => (ERROR, "NOT TRUSTED"),
        Verdict::Unknown => (WARNING, "could not be checked"),
    };
    let _ = writeln!(text, "{HEADING}{}{HEADING:#}: {style}{verdict}{style:#}", image.familiar());
    let _ = writeln!(text, "{FAINT}collection {}, {}{FAINT:#}\n", why.gun, freshness(why));
    let mut nodes: Vec<Node> = why.chain.iter().map(|link| Node::of_link(link, why.asked_at)).collect();
    let leaf = |role: Option<&RoleName>, line| Node { role: None, parent: role.cloned(), lines: vec![line] };
    if let Some(failure) = &why.failure {
        let role = failure.role.clone().unwrap_or_else(|| TopRole::Root.into());
        if nodes.iter().any(|node| node.role.as_ref() == Some(&role)) {
            let failed = format!("{ERROR}FAILED{ERROR:#} {}", failure.causes.join(": "));
            nodes.push(leaf(Some(&role), failed));
        } else {
            nodes.push(Node::of_failure(role, &failure.causes));
        }
    }
    if let Some(target) = &why.target {
        let name = target.name.as_str().escape_default();
        let line = format!("{HEADING}{name}{HEADING:#} = {} ({} bytes)", target.digest, target.length);
        nodes.push(leaf(Some(&target.role), line));
    }
    branch(&mut text, &nodes, None, "");
    for warning in &why.warnings {
        let _ = writeln!(text, "\n{WARNING}warning:{WARNING:#} {warning}");
    }
    text
}

/// Where the trust data came from, and how long it can be believed.
fn freshness(why: &Why) -> String {
    let fresh = why.fresh_until.map(|until| format!(", fresh until {}", minute(until))).unwrap_or_default();
    match &why.freshness {
        Some(report) if report.online => format!("confirmed by {} now{fresh}", why.server),
        Some(report) => {
            let age = report
                .age_seconds
                .map_or_else(|| "at an unknown time".to_owned(), |age| format!("{} ago", span(age)));
            format!("from the cache, confirmed by {} {age}{fresh}", why.server)
        }
        None => format!("trust server {}", why.server),
    }
}

/// One line of the tree, with those that belong to it.
struct Node {
    role: Option<RoleName>,
    parent: Option<RoleName>,
    lines: Vec<String>,
}

impl Node {
    fn of_link(link: &Link, now: DateTime) -> Self {
        let signers: Vec<_> = link.signers.iter().map(|id| id.short()).collect();
        let signed = link.signed_about.filter(|signed| *signed <= now);
        let signed = signed.map(|signed| format!(", about {}", ago(signed, now))).unwrap_or_default();
        let cached = if link.cached { ", cached" } else { "" };
        let lines = vec![
            format!("{HEADING}{}{HEADING:#} version {}, {GOOD}ok{GOOD:#}{cached}", link.role, link.version),
            format!(
                "signed by {} ({} of {} keys needed){signed}",
                signers.join(", "),
                link.threshold,
                link.keys.len()
            ),
            format!("expires {} ({})", minute(link.expires), ago(link.expires, now)),
        ];
        Self { parent: parent(&link.role), role: Some(link.role.clone()), lines }
    }

    fn of_failure(role: RoleName, causes: &[String]) -> Self {
        let mut lines = vec![format!("{HEADING}{role}{HEADING:#} {ERROR}FAILED{ERROR:#}")];
        lines.extend(causes.iter().cloned());
        Self { parent: parent(&role), role: Some(role), lines }
    }
}

/// Whose keys or files vouch for a role.
fn parent(role: &RoleName) -> Option<RoleName> {
    match role.top() {
        Some(TopRole::Root) => None,
        Some(_) => Some(TopRole::Root.into()),
        None => role.parent(),
    }
}

fn branch(text: &mut String, nodes: &[Node], parent: Option<&RoleName>, indent: &str) {
    let belongs = |node: &&Node| match parent {
        Some(_) => node.parent.as_ref() == parent,
        // What hangs from a file that never came stands alone.
        None => !nodes.iter().any(|other| other.role.is_some() && other.role == node.parent),
    };
    let here: Vec<_> = nodes.iter().filter(belongs).collect();
    for (index, node) in here.iter().enumerate() {
        let is_last = index + 1 == here.len();
        let (first, rest) = match (parent, is_last) {
            (None, _) => ("", ""),
            (Some(_), true) => ("└─ ", "   "),
            (Some(_), false) => ("├─ ", "│  "),
        };
        let has_children = node.role.is_some() && nodes.iter().any(|child| child.parent == node.role);
        let below = if has_children { "│  " } else { "   " };
        for (number, line) in node.lines.iter().enumerate() {
            let _ = match number {
                0 => writeln!(text, "{indent}{first}{line}"),
                _ => writeln!(text, "{indent}{rest}{below}{line}"),
            };
        }
        if has_children {
            branch(text, nodes, node.role.as_ref(), &format!("{indent}{rest}"));
        }
    }
}
