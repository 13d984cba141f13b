//! What may help while something waits for signatures.

use countersign_client::publisher::{Proposed, PublisherError, Shared};
use countersign_core::author::ProposalError;

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
        PublisherError::Proposal(error) if error.is_of_this_machine() => Some(
            "look at this machine's pins (`countersign policy check`) and its clock: every client has to trust the next root key before it \
             counts; `countersign repo withdraw` drops the proposal"
                .to_owned(),
        ),
        PublisherError::NothingProposed { source: Some(ProposalError::Overtaken { .. }), .. } => {
            Some("something else was published meanwhile; propose it again".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::author::ProposalError;
    use countersign_core::name::{Gun, RoleName};

    use super::*;
    use crate::report;

    fn gun() -> Gun {
        "example.com/app".parse().expect("a GUN")
    }

    #[test]
    fn proposal_that_is_not_signed_unseen_says_how_to_look_at_it() {
        let time = |text: &str| text.parse().expect("a time");
        let source = ProposalError::TooLong {
            role: RoleName::releases(),
            expires: time("2126-11-24T12:00:00Z"),
            usual: time("2029-11-23T12:00:00Z"),
        };
        let error = PublisherError::UnusualProposal { gun: gun(), source };
        let hint = other(&error).expect("a hint");
        for command in ["trust diff", "trust approve", "repo withdraw"] {
            assert!(hint.contains(&format!("`countersign {command} example.com/app`")), "{hint}");
        }
        let text = report::one_line(&error);
        assert!(text.contains("valid until 2126-11-24T12:00:00Z") && text.contains("2029-11-23"), "{text}");
    }

    #[test]
    fn proposal_that_would_be_lost_is_named_with_the_other_one_and_the_ways_out() {
        let role = |name: &str| name.parse::<RoleName>().expect("a role");
        let error = PublisherError::KeptProposal {
            gun: gun(),
            kept: vec![role("targets/bob"), RoleName::releases()],
            other: vec![role("targets/alice")],
            differs: RoleName::releases(),
        };
        let text = error.to_string();
        assert!(text.contains("`targets/bob` and `targets/releases`"), "{text}");
        assert!(
            text.contains("`targets/alice`: they differ in `targets/releases`; nothing was signed"),
            "{text}"
        );
        let hint = other(&error).expect("a hint");
        for part in
            ["tuf/example.com/app/proposal.json", "trust diff", "trust approve --file", "repo withdraw"]
        {
            assert!(hint.contains(part), "{hint}");
        }
    }
}
