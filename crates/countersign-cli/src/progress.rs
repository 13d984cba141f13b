//! Transfers as people see them: bars on a terminal, a line for each finished layer elsewhere, nothing with `--quiet`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::digest::Digest;
use countersign_registry::transfer::{Progress, Silent, State, short_id};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::Printer;

/// Hears of a transfer and shows it as `printer` can.
pub(crate) fn shown_by(printer: &Arc<Printer>) -> Arc<dyn Progress> {
    if printer.is_quiet() {
        Arc::new(Silent)
    } else if printer.shows_bars() {
        Arc::new(Bars::default())
    } else {
        Arc::new(Lines(Arc::clone(printer)))
    }
}

/// A bar for each blob, on stderr.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    bars: Mutex<HashMap<Digest, ProgressBar>>,
}

impl Progress for Bars {
    fn report(&self, digest: &Digest, state: &State) {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry(*digest).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length());
            bar.set_prefix(short_id(digest));
            bar.set_style(style("{prefix}: {msg}"));
            bar
        });
        match state {
            State::Downloading { done, total } | State::Pushing { done, total } => {
                if bar.length().is_none() {
                    bar.set_style(style("{prefix}: {msg:11} [{bar:40}] {bytes}/{total_bytes}"));
                }
                bar.set_length(*total);
                bar.set_position(*done);
                bar.set_message(words(state));
            }
            state if is_final(state) => {
                bar.set_style(style("{prefix}: {msg}"));
                bar.finish_with_message(words(state));
            }
            state => bar.set_message(words(state)),
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// A line for each blob that is done.
struct Lines(Arc<Printer>);

impl Progress for Lines {
    fn report(&self, digest: &Digest, state: &State) {
        if is_final(state) || matches!(state, State::Retrying { .. }) {
            self.0.say(format_args!("{}: {}", short_id(digest), words(state)));
        }
    }
}

fn is_final(state: &State) -> bool {
    matches!(
        state,
        State::Complete
            | State::AlreadyExists
            | State::Pushed
            | State::MountedFrom(_)
            | State::LayerAlreadyExists
    )
}

/// Docker's words.
fn words(state: &State) -> String {
    match state {
        State::Downloading { .. } => "Downloading".to_owned(),
        State::Retrying { attempt } => format!("Retrying, attempt {attempt}"),
        State::Verifying => "Verifying Checksum".to_owned(),
        State::Complete => "Pull complete".to_owned(),
        State::AlreadyExists => "Already exists".to_owned(),
        State::Pushing { .. } => "Pushing".to_owned(),
        State::Pushed => "Pushed".to_owned(),
        State::MountedFrom(repository) => format!("Mounted from {repository}"),
        State::LayerAlreadyExists => "Layer already exists".to_owned(),
        _ => "Waiting".to_owned(),
    }
}
