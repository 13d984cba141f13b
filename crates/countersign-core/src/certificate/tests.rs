use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::*;
use crate::key::KeyType;
use crate::sign::SecretKey;

const GUN: &str = "localhost:5000/a/b";
/// 2026-11-24T00:00:00Z.
const NOW: i64 = 1_795_478_400;
const DAY: i64 = 86_400;

fn gun() -> Gun {
    GUN.parse().expect("a GUN")
}

fn at(seconds: i64) -> UpdateStart {
    UpdateStart(DateTime::from_unix(seconds).expect("a time"))
}

fn own() -> (SecretKey, PublicKey, CertificateBundle) {
    let key = SecretKey::generate_ecdsa().expect("a key");
    let public = self_signed(&gun(), &key, at(NOW).0).expect("a certificate");
    let bundle = CertificateBundle::parse(public.as_bytes()).expect("our own certificate");
    (key, public, bundle)
}

/// An authority, or with `is_ca` changed something that pretends to be one.
fn authority(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertifiedIssuer<'static, KeyPair> {
    let params = authority_params(name, change);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn authority_params(name: &str, change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    change(&mut params);
    params
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
}

fn leaf(issuer: &Issuer<'_, KeyPair>, change: impl FnOnce(&mut CertificateParams)) -> String {
    let mut params = params(GUN);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    change(&mut params);
    go_pem(params.signed_by(&KeyPair::generate().expect("a key"), issuer).expect("a leaf").der())
}

fn go_pem(der: &[u8]) -> String {
    pem::write(CERTIFICATE_LABEL, &[], der).to_string()
}

fn chain(bundle: &str, authorities: &str) -> Result<(), CertificateError> {
    let authorities = CertificateAuthorities::parse(authorities.as_bytes()).expect("authorities");
    CertificateBundle::parse(bundle.as_bytes())?.chains_to(&authorities, at(NOW))
}

#[test]
fn own_certificate_has_notarys_shape() {
    let (key, public, bundle) = own();
    assert_eq!(public.key_type(), Some(KeyType::EcdsaX509));
    assert_eq!(public.canonical_id(), Ok(key.id()));
    assert_ne!(public.id(), key.id());
    assert_eq!(bundle.common_name(), GUN);
    assert_eq!(bundle.not_before().unix_seconds(), NOW);
    assert_eq!(bundle.not_after().unix_seconds(), NOW + 3650 * DAY);
    assert!(bundle.is_exact(public.as_bytes(), at(NOW)));
    assert!(!bundle.leaf.has_unknown_critical && bundle.leaf.purpose_fits);
    let authorities = CertificateAuthorities::parse(public.as_bytes()).expect("a certificate");
    assert_eq!(bundle.chains_to(&authorities, at(NOW)), Ok(()), "a leaf that is itself pinned");
}

#[test]
fn own_certificate_for_rsa_and_for_ed25519() {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = aws_lc_rs::encoding::AsDer::as_der(&pair).expect("DER");
    let key = SecretKey::from_private_bytes(KeyType::Rsa, der.as_ref()).expect("a key");
    let public = self_signed(&gun(), &key, at(NOW).0).expect("a certificate");
    assert_eq!((public.key_type(), public.canonical_id()), (Some(KeyType::RsaX509), Ok(key.id())));

    let key = SecretKey::generate_ed25519().expect("a key");
    assert_eq!(self_signed(&gun(), &key, at(NOW).0), Err(CertificateError::Author { gun: gun() }));
}

#[test]
fn certificate_type_that_does_not_fit_its_key_has_no_bare_key() {
    let (_, public, _) = own();
    let wrong = PublicKey::new(KeyType::RsaX509, public.as_bytes().to_vec());
    assert!(matches!(wrong.bare(), Err(crate::key::KeyError::Mismatch { .. })));
    let empty = PublicKey::new(KeyType::EcdsaX509, Vec::new());
    assert!(matches!(
        empty.canonical_id(),
        Err(crate::key::KeyError::Certificate(CertificateError::Pem(PemError::Empty)))
    ));
}

#[test]
fn common_name_with_stars_is_a_prefix() {
    let root = authority("ca", |_| ());
    let names = |common_name: &str| {
        let text = leaf(&root, |params| params.distinguished_name.push(DnType::CommonName, common_name));
        CertificateBundle::parse(text.as_bytes()).expect("a leaf").names_gun(&gun())
    };
    for good in [GUN, "localhost:5000/a/*", "localhost:5000/a/**", "*", "localhost:5000/a/b*"] {
        assert!(names(good), "{good} was refused");
    }
    for bad in
        ["localhost:5000/a/", "localhost:5000/a/b/", "localhost:5000/A/b", "l*t:5000/a/b", "b*", "", "*x"]
    {
        assert!(!names(bad), "{bad} was accepted");
    }
}

#[test]
fn leaf_dates_hold_to_the_second_with_a_day_before() {
    let (_, _, bundle) = own();
    let end = NOW + 3650 * DAY;
    assert_eq!(bundle.check_leaf(at(NOW - DAY)), Ok(()));
    assert!(matches!(bundle.check_leaf(at(NOW - DAY - 1)), Err(CertificateError::Early { .. })));
    assert_eq!(bundle.check_leaf(at(end)), Ok(()));
    assert!(matches!(bundle.check_leaf(at(end + 1)), Err(CertificateError::Expired { .. })));
    assert_eq!(bundle.check_strength(), Ok(()));
}

#[test]
fn leaf_whose_dates_are_swapped_is_refused() {
    let root = authority("ca", |_| ());
    let text = leaf(&root, |params| params.not_after = date_time_ymd(2025, 1, 1));
    let bundle = CertificateBundle::parse(text.as_bytes()).expect("a leaf");
    assert!(matches!(bundle.check_strength(), Err(CertificateError::Dates { .. })));
}

#[test]
fn bundle_must_have_exactly_one_leaf_and_first() {
    let root = authority("ca", |_| ());
    let (one, two, ca) = (leaf(&root, |_| ()), leaf(&root, |_| ()), go_pem(root.der()));
    let parse = |text: &str| CertificateBundle::parse(text.as_bytes()).map(|_| ());
    assert_eq!(parse(&one), Ok(()));
    assert_eq!(parse(&format!("{one}{ca}")), Ok(()));
    for bad in [format!("{ca}{one}"), format!("{one}{two}"), format!("{one}{ca}{two}"), ca.clone()] {
        assert_eq!(parse(&bad), Err(CertificateError::Leaf));
    }
    let key = pem::write("PUBLIC KEY", &[], &[1]).to_string();
    assert_eq!(parse(&format!("{one}{key}")), Err(CertificateError::Label("PUBLIC KEY".to_owned())));
    let (half, trailing) = (root.der()[..40].to_vec(), [root.der().as_ref(), &[0]].concat());
    assert_eq!(parse(&format!("{one}{}", go_pem(&half))), Err(CertificateError::Malformed(2)));
    assert_eq!(parse(&format!("{one}{}", go_pem(&trailing))), Err(CertificateError::Malformed(2)));
}

#[test]
fn text_that_go_would_write_otherwise_is_not_exact() {
    let (_, public, bundle) = own();
    let text = String::from_utf8(public.as_bytes().to_vec()).expect("PEM");
    for other in [
        text.trim_end().to_owned(),
        format!("{text}\n"),
        format!("# a comment\n{text}"),
        text.replace('\n', "\r\n"),
        text.replacen('\n', "\n\n", 1),
    ] {
        let parsed = CertificateBundle::parse(other.as_bytes()).expect("the same certificate");
        assert_eq!(parsed, bundle);
        assert!(!parsed.is_exact(other.as_bytes(), at(NOW)), "{other}");
    }
}

#[test]
fn text_with_an_expired_intermediate_is_not_exact() {
    let root = authority("ca", |_| ());
    let short = authority("short", |params| params.not_after = date_time_ymd(2026, 6, 1));
    let text = format!("{}{}{}", leaf(&root, |_| ()), go_pem(root.der()), go_pem(short.der()));
    let bundle = CertificateBundle::parse(text.as_bytes()).expect("a bundle");
    assert!(!bundle.is_exact(text.as_bytes(), at(NOW)));
    assert!(bundle.is_exact(text.as_bytes(), at(NOW - 300 * DAY)));
}

#[test]
fn chain_over_an_intermediate_is_accepted() {
    let root = authority("root", |_| ());
    let middle = CertifiedIssuer::signed_by(
        authority_params("middle", |_| ()),
        KeyPair::generate().expect("a key"),
        &root,
    )
    .expect("an authority");
    let text = format!("{}{}", leaf(&middle, |_| ()), go_pem(middle.der()));
    assert_eq!(chain(&text, &go_pem(root.der())), Ok(()));
    assert_eq!(chain(&text, &go_pem(middle.der())), Ok(()), "the intermediate itself is pinned");
    assert!(matches!(
        chain(&leaf(&middle, |_| ()), &go_pem(root.der())),
        Err(CertificateError::Chain { .. })
    ));
}

#[test]
fn chain_to_an_authority_of_the_same_name_with_another_key_is_refused() {
    let (root, impostor) = (authority("ca", |_| ()), authority("ca", |_| ()));
    let text = leaf(&root, |_| ());
    assert!(matches!(chain(&text, &go_pem(impostor.der())), Err(CertificateError::Chain { .. })));
    assert_eq!(chain(&text, &format!("{}{}", go_pem(impostor.der()), go_pem(root.der()))), Ok(()));
}

#[test]
fn chain_needs_every_issuer_to_be_an_authority_that_may_sign() {
    let root = authority("root", |_| ());
    for (what, change) in [
        ("no CA", (|params| params.is_ca = IsCa::ExplicitNoCa) as fn(&mut CertificateParams)),
        ("no key usage for it", |params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]),
        ("expired", |params| params.not_after = date_time_ymd(2026, 6, 1)),
        ("not yet valid", |params| params.not_before = date_time_ymd(2027, 6, 1)),
        ("for mail only", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
        }),
        ("critical extension", |params| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            extension.set_criticality(true);
            params.custom_extensions.push(extension);
        }),
    ] {
        let middle = CertifiedIssuer::signed_by(
            authority_params("middle", change),
            KeyPair::generate().expect("a key"),
            &root,
        )
        .expect("a certificate");
        let text = format!("{}{}", leaf(&middle, |_| ()), go_pem(middle.der()));
        assert!(chain(&text, &go_pem(root.der())).is_err(), "{what} was accepted");
    }
}

#[test]
fn chain_holds_path_lengths() {
    for (longest, accepted) in [(0, false), (1, true)] {
        let root =
            authority("root", |params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(longest)));
        let middle = CertifiedIssuer::signed_by(
            authority_params("middle", |_| ()),
            KeyPair::generate().expect("a key"),
            &root,
        )
        .expect("an authority");
        let text = format!("{}{}", leaf(&middle, |_| ()), go_pem(middle.der()));
        assert_eq!(chain(&text, &go_pem(root.der())).is_ok(), accepted, "path length {longest}");
    }
}

#[test]
fn chain_to_authorities_that_are_all_expired_is_an_error_of_its_own() {
    let root = authority("root", |params| params.not_after = date_time_ymd(2026, 6, 1));
    assert_eq!(chain(&leaf(&root, |_| ()), &go_pem(root.der())), Err(CertificateError::NoAuthority));
}

#[test]
fn chain_accepts_code_signing_leaf() {
    let root = authority("root", |_| ());
    for (purposes, accepted) in [
        (vec![], true),
        (vec![ExtendedKeyUsagePurpose::CodeSigning], true),
        (vec![ExtendedKeyUsagePurpose::ServerAuth], true),
        (vec![ExtendedKeyUsagePurpose::ClientAuth], false),
    ] {
        let text = leaf(&root, |params| params.extended_key_usages.clone_from(&purposes));
        assert_eq!(chain(&text, &go_pem(root.der())).is_ok(), accepted, "{purposes:?}");
    }
}

#[test]
fn chain_of_an_expired_leaf_is_refused() {
    let root = authority("root", |_| ());
    let text = leaf(&root, |params| params.not_after = date_time_ymd(2026, 11, 23));
    assert!(matches!(chain(&text, &go_pem(root.der())), Err(CertificateError::Expired { .. })));
}

#[test]
fn chain_that_goes_round_ends() {
    let params = authority_params("round", |_| ());
    let (one, two) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let issuers = [Issuer::from_params(&params, &one), Issuer::from_params(&params, &two)];
    let crossed: String = (0..20)
        .map(|index| {
            let (key, issuer) = if index % 2 == 0 { (&one, &issuers[1]) } else { (&two, &issuers[0]) };
            go_pem(params.signed_by(key, issuer).expect("a certificate").der())
        })
        .collect();
    let text = format!(
        "{}{crossed}",
        leaf(&Issuer::from_params(&params, KeyPair::generate().expect("a key")), |_| ())
    );
    let root = authority("root", |_| ());
    assert!(matches!(chain(&text, &go_pem(root.der())), Err(CertificateError::Chain { .. })));
}

#[test]
fn certificate_with_any_byte_changed_never_panics_and_never_chains() {
    let root = authority("root", |_| ());
    let text = leaf(&root, |_| ());
    let der = pem::parse(text.as_bytes()).expect("PEM").remove(0).contents;
    for index in 0..der.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = der.clone();
            changed[index] ^= change;
            assert!(chain(&go_pem(&changed), &go_pem(root.der())).is_err(), "byte {index}");
        }
    }
}

/// The very bytes of a certificate that notary 0.3 made, but for serial, dates, key, name and signature.
#[test]
fn own_certificate_is_laid_out_as_notarys() {
    let gun: Gun = "docker.com/notary0.3/tst".parse().expect("a GUN");
    let key = SecretKey::generate_ecdsa().expect("a key");
    let from: DateTime = "2016-07-27T22:56:32.5Z".parse().expect("a time");
    let public = self_signed(&gun, &key, from).expect("a certificate");
    let der = hex::encode(pem::parse(public.as_bytes()).expect("PEM").remove(0).contents.as_slice());
    let name = "30233121301f06035504031318646f636b65722e636f6d2f6e6f74617279302e332f747374";
    let expected = format!(
        "300a06082a8648ce3d040302{name}301e170d3136303732373232353633325a170d3236303732353232353633325a{name}{}\
         a3353033300e0603551d0f0101ff0404030205a030130603551d25040c300a06082b06010505070303\
         300c0603551d130101ff04023000300a06082a8648ce3d040302",
        hex::encode(key.public_key().as_bytes())
    );
    assert!(der.contains(&expected), "{der}");
    assert!(der.contains("a003020102021"), "version 3 and a serial of up to 17 bytes: {der}");
}
