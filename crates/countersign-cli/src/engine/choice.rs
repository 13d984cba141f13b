//! Choosing an engine: what is asked for, else what is there.

use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum as _;
use countersign_engine::docker::{DaemonError, DockerEngine, Endpoint, EndpointInputs, Greeting, Parts};
use countersign_engine::podman::{PodmanCli, endpoints};
use countersign_engine::{Engine, LOCAL, LocalEngine};

use super::find::program;
use super::{EngineArgs, EngineName, VARIABLE};
use crate::app::App;
use crate::refusal::Refusal;

/// An engine, and why it is this one.
pub(crate) struct Choice {
    found: Found,
    /// Why it is this one, as the rest of a sentence: `because ...`.
    pub(crate) why: String,
    /// Where it is: a daemon's address, a program, a directory.
    pub(crate) place: String,
}

enum Found {
    Daemon(Arc<DockerEngine>),
    Podman(Arc<PodmanCli>),
    Local,
}

impl Choice {
    /// The engine's name.
    pub(crate) fn name(&self) -> &'static str {
        match &self.found {
            Found::Daemon(daemon) => daemon.name(),
            Found::Podman(podman) => podman.name(),
            Found::Local => LOCAL,
        }
    }

    /// The daemon behind it, if there is one.
    pub(crate) fn daemon(&self) -> Option<&DockerEngine> {
        match &self.found {
            Found::Daemon(daemon) => Some(daemon),
            Found::Podman(_) | Found::Local => None,
        }
    }

    /// The engine. The local store is made, if it isn't there yet.
    pub(crate) fn open(self, app: &App) -> anyhow::Result<Arc<dyn Engine>> {
        Ok(match self.found {
            Found::Daemon(daemon) => daemon,
            Found::Podman(podman) => podman,
            Found::Local => Arc::new(LocalEngine::new(app.context().store()?, app.registries()?)),
        })
    }
}

/// The engine that is asked for, else the first that there is: a Docker daemon, podman, the local store.
///
/// # Errors
/// One that is asked for and is not there, and a daemon that is configured in a way that names none. Whether a configured one
/// answers shows when it is used.
pub(crate) async fn choose(args: &EngineArgs, app: &App) -> anyhow::Result<Choice> {
    match asked_for(args, app)? {
        Some((EngineName::Docker, why)) => docker(args, app, Some(why)),
        Some((EngineName::Podman, why)) => {
            let found = podman(app).await?;
            let found =
                found.context("podman was asked for, and neither its service nor its program is here")?;
            Ok(Choice { why, ..found })
        }
        Some((EngineName::Local, why)) => local(app, why),
        None => {
            let docker = docker(args, app, None)?;
            let Some(daemon) = docker.daemon() else { return Ok(docker) };
            if daemon.endpoint().is_configured() || daemon.greet().await.is_ok() {
                return Ok(docker);
            }
            match podman(app).await? {
                Some(found) => Ok(found),
                None => local(app, format!("no daemon answers at {}, and podman is not here", docker.place)),
            }
        }
    }
}

fn asked_for(args: &EngineArgs, app: &App) -> anyhow::Result<Option<(EngineName, String)>> {
    let flag = args.engine.map(|name| (name, "`--engine` says so".to_owned()));
    let asked = match (flag, app.context().variable(VARIABLE)) {
        (Some(asked), _) => Some(asked),
        (None, _) if args.names_daemon() => Some((EngineName::Docker, "a daemon is named".to_owned())),
        (None, Some(value)) => {
            let value = value.to_string_lossy();
            let name = EngineName::from_str(&value, false);
            let name = name.map_err(|_| Refusal::EngineVariable { value: value.into_owned() })?;
            Some((name, format!("`{VARIABLE}` says so")))
        }
        (None, None) => None,
    };
    match asked {
        Some((EngineName::Podman | EngineName::Local, _)) if args.names_daemon() => {
            Err(Refusal::DaemonOfOtherEngine.into())
        }
        asked => Ok(asked),
    }
}

/// Docker's daemon. Nothing is asked of it.
fn docker(args: &EngineArgs, app: &App, why: Option<String>) -> anyhow::Result<Choice> {
    let variable = |name: &str| app.context().variable(name);
    let inputs = EndpointInputs {
        hosts: &args.host,
        context: args.context.as_deref(),
        ..EndpointInputs::new(&variable, app.context().config_dir())
    };
    let endpoint = inputs.resolve().map_err(DaemonError::from)?;
    let why = why.unwrap_or_else(|| {
        let configured = endpoint.is_configured();
        if configured {
            format!("{} names a daemon", endpoint.source)
        } else {
            "a daemon answers there".to_owned()
        }
    });
    let version = app.context().variable("DOCKER_API_VERSION");
    let api_version = version.map(|version| version.to_string_lossy().into_owned());
    by_daemon(EngineName::Docker, endpoint, api_version, why, app)
}

/// Podman, if it is here.
async fn podman(app: &App) -> anyhow::Result<Option<Choice>> {
    for endpoint in endpoints(|name| app.context().variable(name))? {
        let configured = endpoint.is_configured();
        let why = if configured {
            format!("{} names its service", endpoint.source)
        } else {
            "its service answers there".to_owned()
        };
        let found = by_daemon(EngineName::Podman, endpoint, None, why, app)?;
        if configured || greeting(&found).await.is_some() {
            return Ok(Some(found));
        }
    }
    let Some(program) = program("podman", app.context().variable("PATH")) else { return Ok(None) };
    let place = program.display().to_string();
    let podman = PodmanCli::new(program, app.credentials(), app.registries()?);
    let why = "it is installed, and its service does not answer".to_owned();
    Ok(Some(Choice { found: Found::Podman(Arc::new(podman)), why, place }))
}

async fn greeting(choice: &Choice) -> Option<Greeting> {
    choice.daemon()?.greet().await.ok()
}

fn by_daemon(
    name: EngineName,
    endpoint: Endpoint,
    api_version: Option<String>,
    why: String,
    app: &App,
) -> anyhow::Result<Choice> {
    let place = endpoint.address.to_string();
    let parts = Parts {
        name: if name == EngineName::Podman { "podman" } else { "docker" },
        credentials: app.credentials(),
        http: app.context().http_config()?,
        api_version,
        ..Parts::new(endpoint, app.context().config_dir(), app.registries()?)
    };
    let daemon = Arc::new(DockerEngine::new(parts)?);
    Ok(Choice { found: Found::Daemon(daemon), why, place })
}

fn local(app: &App, why: String) -> anyhow::Result<Choice> {
    let place = app.context().images_dir()?.display().to_string();
    Ok(Choice { found: Found::Local, why, place })
}
