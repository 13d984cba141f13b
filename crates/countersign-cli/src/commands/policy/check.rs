//! `policy check`: the decision on one image, each setting with what decided it.

use std::fmt::Display;

use countersign_registry::reference::ImageReference;
use serde_json::{Value, json};

use crate::app::App;
use crate::exit::ExitStatus;
use crate::output::{ERROR, HEADING, WARNING};
use crate::policy::{Decided, Decision, FirstUse, Offline, Origin, Pin, Releases, Trust};
use crate::table::table;

/// Explain what applies to an image: which line decided each thing, and what would be refused
///
/// Asks nobody. Ends with 3 when the policy refuses the image whoever signed it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: NAME[:TAG]
    #[arg(value_name = "REF")]
    image: ImageReference,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Explains.
pub(super) fn run(args: &Args, app: &App) -> anyhow::Result<ExitStatus> {
    let decision = app.context().policy().decide(&args.image.gun());
    let settings = settings(&decision, app)?;
    if args.json {
        app.printer().data(as_json(&decision, &settings))?;
    } else {
        app.printer().data_text(&as_text(&decision, &settings))?;
    }
    Ok(if decision.trust.value == Trust::Refused { ExitStatus::Untrusted } else { ExitStatus::Success })
}

/// One setting as it is shown.
struct Setting {
    key: &'static str,
    value: Value,
    by: Origin,
}

fn settings(decision: &Decision, app: &App) -> anyhow::Result<Vec<Setting>> {
    let mut settings = vec![
        setting("trust", &decision.trust)?,
        shown("trust_server", &app.context().decided_trust_server(decision)?),
        match &decision.pin {
            Some(pin) => match &pin.value {
                Pin::Keys { ids, .. } => {
                    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                    Setting { key: "root_keys", value: ids.into(), by: pin.by.clone() }
                }
                Pin::Authorities(_) => Setting { key: "root_ca", value: true.into(), by: pin.by.clone() },
            },
            None => Setting { key: "root_keys", value: Value::Null, by: Origin::Default },
        },
        setting("first_use", &decision.first_use)?,
    ];
    settings.extend(decision.signed_by.iter().map(|role| shown("signed_by", role)));
    settings.push(setting("releases", &decision.releases)?);
    settings.push(setting("offline", &decision.offline)?);
    settings.push(setting("expired_certificates", &decision.expired_certificates)?);
    settings.extend(decision.max_age.as_ref().map(|span| shown("max_age", span)));
    settings.extend(decision.max_freeze.as_ref().map(|span| shown("max_freeze", span)));
    settings.extend(decision.mirror.as_ref().map(|mirror| shown("mirror", mirror)));
    Ok(settings)
}

fn setting<T: serde::Serialize>(key: &'static str, decided: &Decided<T>) -> serde_json::Result<Setting> {
    Ok(Setting { key, value: serde_json::to_value(&decided.value)?, by: decided.by.clone() })
}

fn shown<T: Display>(key: &'static str, decided: &Decided<T>) -> Setting {
    Setting { key, value: decided.value.to_string().into(), by: decided.by.clone() }
}

/// What a pull would refuse, in a sentence each.
fn refusals(decision: &Decision) -> Vec<String> {
    if decision.trust.value == Trust::Refused {
        return vec!["the image, whoever signed it".to_owned()];
    }
    let mut refusals = vec![match decision.trust.value {
        Trust::Optional if decision.is_known_to_be_signed() => {
            "a repository without trust data, because a pin names its key".to_owned()
        }
        Trust::Optional => {
            "a tag that is not signed in a signed repository; what nobody ever signed is pulled with a warning"
                .to_owned()
        }
        _ => "a tag that is not signed".to_owned(),
    }];
    match (&decision.pin, decision.first_use.value) {
        (Some(_), _) => refusals.push("any other root key than what is pinned".to_owned()),
        (None, FirstUse::Refuse) => {
            refusals.push("the first use, because no pin names the root key".to_owned());
        }
        (None, _) => {}
    }
    if !decision.signed_by.is_empty() {
        let roles: Vec<_> = decision.signed_by.iter().map(|role| role.value.to_string()).collect();
        refusals.push(format!("a tag that is not signed alike by {}", roles.join(" and ")));
    }
    if decision.releases.value == Releases::Require {
        refusals.push("everything, when `targets/releases` is delegated and cannot be used".to_owned());
    }
    match (decision.offline.value, &decision.max_age) {
        (Offline::Forbid, _) => {
            refusals.push("everything, when the trust server cannot be reached".to_owned());
        }
        (Offline::Allow, Some(age)) => refusals.push(format!(
            "everything, when the trust server cannot be reached and was last heard from more than {} ago",
            age.value
        )),
        (Offline::Allow, None) => {}
    }
    if let Some(freeze) = &decision.max_freeze {
        refusals.push(format!("a timestamp that expires more than {} ahead", freeze.value));
    }
    refusals
}

fn as_json(decision: &Decision, settings: &[Setting]) -> Value {
    let by = |origin: &Origin| match origin {
        Origin::Line(place) => json!({ "file": place.path.display().to_string(), "line": place.line }),
        Origin::Variable(name) => json!({ "variable": name }),
        Origin::Default => Value::Null,
    };
    let settings: Vec<_> = settings
        .iter()
        .map(|setting| json!({ "key": setting.key, "value": setting.value, "by": by(&setting.by) }))
        .collect();
    json!({ "gun": decision.gun.as_str(), "settings": settings, "refuses": refusals(decision) })
}

fn as_text(decision: &Decision, settings: &[Setting]) -> String {
    let row = |setting: &Setting| {
        let value = match &setting.value {
            Value::String(text) => text.clone(),
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
            Value::Bool(_) => "an authority's certificate".to_owned(),
            _ => "no pin".to_owned(),
        };
        [setting.key.to_owned(), value, setting.by.to_string()]
    };
    let rows: Vec<_> = settings.iter().map(row).collect();
    let style = if decision.trust.value == Trust::Refused { ERROR } else { WARNING };
    let refusals: Vec<_> =
        refusals(decision).iter().map(|refusal| format!("{style}refused:{style:#} {refusal}\n")).collect();
    format!(
        "{HEADING}{}{HEADING:#}\n\n{}\n{}",
        decision.gun,
        table(["SETTING", "VALUE", "DECIDED BY"], &rows),
        refusals.concat()
    )
}
