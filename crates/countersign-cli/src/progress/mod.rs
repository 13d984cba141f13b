//! Transfers as people see them: bars on a terminal, a line for each finished layer elsewhere, nothing with `--quiet`.
//!
//! What the local engine moves is shown on stderr. What a daemon says goes where its user looks for it: to stdout, as with
//! Docker, unless the caller needs that for something else.

mod board;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::digest::Digest;
use countersign_engine::{Output, Part};
use countersign_registry::transfer::{Progress, Silent, State, short_id};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use self::board::Board;
use crate::output::{Printer, Stream};

/// Hears of a transfer and shows it as `printer` can; lines go to stdout.
pub(crate) fn shown_by(printer: &Arc<Printer>) -> Arc<dyn Output> {
    shown_on(printer, Stream::Data)
}

/// Hears of a transfer and shows it as `printer` can, lines on this stream.
pub(crate) fn shown_on(printer: &Arc<Printer>, stream: Stream) -> Arc<dyn Output> {
    if printer.is_quiet() {
        return Arc::new(Silent);
    }
    let blobs: Box<dyn Progress> =
        if printer.shows_bars() { Box::new(Bars::default()) } else { Box::new(Lines(Arc::clone(printer))) };
    let board = Mutex::new(Board::new(printer.columns(stream)));
    Arc::new(Shown { printer: Arc::clone(printer), stream, blobs, board })
}

/// Shows everything.
struct Shown {
    printer: Arc<Printer>,
    stream: Stream,
    blobs: Box<dyn Progress>,
    board: Mutex<Board>,
}

impl Shown {
    fn write(&self, text: impl FnOnce(&mut Board) -> String) {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever reads no more is noticed by the last line, which is data.
        let _ = self.printer.write(self.stream, &text(&mut board));
    }
}

impl Output for Shown {
    fn line(&self, line: &str) {
        self.write(|board| board.line(line));
    }

    fn part(&self, part: &Part<'_>) {
        self.write(|board| board.part(part));
    }
}

impl Progress for Shown {
    fn report(&self, digest: &Digest, state: &State) {
        self.blobs.report(digest, state);
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
