//! What may help while something waits for signatures.

use countersign_client::publisher::{Proposed, PublisherError, Shared};

/// How the signatures that are missing get there.
pub(super) fn left(proposed: &Proposed) -> String {
    let gun = &proposed.gun;
    match &proposed.shared {
        Shared::OnServer => {
            format!("it is proposed: others add their signatures with `countersign trust approve {gun}`")
        }
        Shared::HereAlone(_) => format!(
            "it is proposed: give `tuf/{gun}/proposal.json` of your trust directory to others, who add their signatures with \
             `countersign trust approve {gun} --file FILE`"
        ),
    }
}

/// What may help with any other error about proposals.
pub(super) fn other(error: &PublisherError) -> Option<String> {
    match error {
        PublisherError::OtherProposal { gun, .. } => Some(format!(
            "`countersign trust diff {gun}` shows what waits; `trust approve` signs it, `repo withdraw` drops it"
        )),
        PublisherError::KeptProposal { gun, .. } => Some(format!(
            "it is `tuf/{gun}/proposal.json` of your trust directory, and `countersign trust diff {gun} --file` with it shows it: move \
             it away to keep it for later (`trust approve --file`), or drop it, and what the server keeps, with `countersign repo \
             withdraw {gun}`"
        )),
        PublisherError::UnusualProposal { gun, .. } => Some(format!(
            "look at it with `countersign trust diff {gun}`; then `countersign trust approve {gun}` signs it as it is, `countersign repo \
             withdraw {gun}` drops it"
        )),
        PublisherError::NothingToSign(proposed) => {
            Some(format!("`countersign trust diff {}` shows whose signatures are missing", proposed.gun))
        }
        PublisherError::NothingProposed { source: Some(_), .. } => {
            Some("something else was published meanwhile; propose it again".to_owned())
        }
        _ => None,
    }
}
