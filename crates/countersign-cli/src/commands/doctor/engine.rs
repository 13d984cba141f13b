//! Which engine keeps the images, why, and whether it answers.

use super::finding::Finding;
use crate::app::App;
use crate::engine::{Choice, EngineArgs, choose};

pub(super) async fn check(args: &EngineArgs, app: &App) -> Vec<Finding> {
    let choice = match choose(args, app).await {
        Ok(choice) => choice,
        Err(error) => return vec![Finding::error("engine", &error)],
    };
    let (name, Choice { why, place, .. }) = (choice.name(), &choice);
    let Some(daemon) = choice.daemon() else {
        return vec![Finding::ok("engine", format!("`{name}` at `{place}`, because {why}"))];
    };
    match daemon.greet().await {
        Ok(greeting) => {
            let kind = if greeting.is_podman { "podman" } else { "Docker" };
            let version = greeting.api_version;
            let text = format!("`{name}` at `{place}`, because {why}; {kind} there, Engine API {version}");
            vec![Finding::ok("engine", text)]
        }
        Err(error) => {
            let error = anyhow::Error::from(error).context(format!("`{name}`, because {why}"));
            vec![Finding::error("engine", &error)]
        }
    }
}
