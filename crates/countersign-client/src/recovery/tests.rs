use proptest::prelude::*;

use super::*;

fn again(share: &Share) -> Share {
    share.to_text().parse().expect("its own text")
}

fn split(needed: u8, total: u8) -> (RecoveryKey, Vec<Share>) {
    let key = RecoveryKey::generate().expect("a key");
    let shares = key.split(Shares::new(needed, total).expect("possible")).expect("shares");
    assert_eq!(shares.len(), usize::from(total));
    (key, shares)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_shares_that_are_enough_restore_the_key_and_fewer_do_not(
        needed in 2_u8..12,
        more in 0_u8..12,
        order in any::<u64>(),
    ) {
        let (key, shares) = split(needed, needed + more);
        // Any order, by a multiplication that is no permutation of its own making.
        let mut order: Vec<(u64, &Share)> = shares
            .iter()
            .map(|share| (order.wrapping_mul(2 * u64::from(share.number()) + 1).rotate_left(17), share))
            .collect();
        order.sort_by_key(|(rank, _)| *rank);
        let chosen: Vec<Share> = order.iter().map(|(_, share)| again(share)).collect();
        for count in 0..chosen.len() {
            let restored = combine(&chosen[..count]);
            if count < usize::from(needed) {
                let few = matches!(restored, Err(RecoveryError::TooFew { .. }));
                prop_assert!(few);
            } else {
                prop_assert_eq!(restored.expect("enough").id(), key.id());
            }
        }
    }

    #[test]
    fn text_of_a_share_with_a_typing_error_is_refused(position in 0_usize..1000, letter in "[a-z0-9]") {
        let (_, shares) = split(2, 3);
        let text = shares[0].to_text();
        let position = position % text.len();
        prop_assume!(text.as_bytes()[position] != b' ' && text[position..=position] != letter);
        let changed = format!("{}{letter}{}", &text[..position], &text[position + 1..]);
        prop_assert!(matches!(changed.parse::<Share>(), Err(RecoveryError::NoShare)));
    }
}

#[test]
fn one_share_is_the_whole_key() {
    let key = RecoveryKey::generate().expect("a key");
    let shares = key.split(Shares::ONE).expect("a share");
    assert_eq!(combine(&[again(&shares[0])]).expect("the key").id(), key.id());
}

#[test]
fn splits_that_make_no_sense_are_refused() {
    for (needed, total) in [(0, 0), (0, 3), (4, 3), (1, 2), (1, 255)] {
        assert_eq!(Shares::new(needed, total), Err(RecoveryError::Shares { needed, total }));
    }
    assert!(Shares::new(255, 255).is_ok());
}

#[test]
fn fewer_shares_than_are_needed_say_nothing_of_the_key() {
    // With the same shares but one, every value of a byte of the key is still possible: the missing one decides.
    let (_, shares) = split(3, 3);
    let weights = field::weights(&[1, 2, 3]);
    let (one, two) = (shares[0].value()[0], shares[1].value()[0]);
    let value = |three| field::at_zero(&weights, [one, two, three].into_iter());
    let mut possible: Vec<u8> = (0..=u8::MAX).map(value).collect();
    possible.sort_unstable();
    possible.dedup();
    assert_eq!(possible.len(), 256);
}

#[test]
fn shares_that_do_not_belong_together_are_told() {
    let (key, shares) = split(2, 3);
    let (_, foreign) = split(2, 3);
    assert_eq!(
        combine(&[again(&shares[0]), again(&foreign[1])]).err(),
        Some(RecoveryError::OtherSet { number: 2 })
    );
    let other_split = key.split(Shares::new(2, 3).expect("possible")).expect("shares");
    assert_eq!(
        combine(&[again(&shares[0]), again(&other_split[1])]).err(),
        Some(RecoveryError::OtherSet { number: 2 })
    );
    assert_eq!(
        combine(&[again(&shares[1]), again(&shares[1])]).err(),
        Some(RecoveryError::Twice { number: 2 })
    );
    assert_eq!(combine(&[]).err(), Some(RecoveryError::TooFew { given: 0, needed: 1 }));

    // A share that was changed, and whose checksum was made to fit.
    let mut value = shares[2].value().to_vec();
    value[5] ^= 1;
    let changed = again(&again(&shares[2]).forged(value));
    for set in [
        vec![again(&shares[0]), again(&changed)],
        vec![again(&shares[0]), again(&shares[1]), again(&changed)],
    ] {
        assert!(matches!(combine(&set), Err(RecoveryError::OtherKey { .. } | RecoveryError::Key(_))));
    }
}

#[test]
fn share_is_found_on_its_page() {
    let (_, shares) = split(2, 3);
    let text = shares[1].to_text();
    let page = format!(
        "Countersign recovery share 2 of 3\r\n\r\n  {}\r\n{}\r\n\r\nKeep it safe.\r\n",
        &text[..44],
        &text[44..]
    );
    let found = Share::find(&page).expect("it is there");
    assert_eq!((found.number(), found.to_text()), (2, text.clone()));
    assert_eq!(Share::find(&text.to_uppercase()).expect("upper case").number(), 2);
    assert_eq!(Share::find(&text.replace(' ', "-")).expect("hyphens").number(), 2);
    for text in ["", "csroot1", "hello", &text[..80]] {
        assert!(matches!(Share::find(text), Err(RecoveryError::NoShare)), "{text}");
    }
    assert_eq!(format!("{found:?}"), "Share(2 of 3)");
}
