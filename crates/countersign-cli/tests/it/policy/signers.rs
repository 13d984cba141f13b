//! Several roles that must all have signed.

use std::ffi::OsString;
use std::sync::Arc;

use countersign_client::changelist::ChangeList;
use countersign_client::keystore::KeyStore as _;
use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::passphrase::{PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::Prompt;
use countersign_core::author::{Change, DelegationEdit};
use countersign_core::metadata::FileMeta;
use countersign_core::name::Gun;
use countersign_core::time::DateTime;
use countersign_testkit::image::Image;
use zeroize::Zeroizing;

use crate::world::{PASSPHRASE, Site, World, block_on};

use super::person_with;

const BOTH: [&str; 2] = ["targets/ci", "targets/security"];

/// Nobody is there to be asked: the variables have the passphrases.
struct Nobody;

impl Prompt for Nobody {
    fn say(&self, _: &str) {}

    fn ask_hidden(&self, _: &str) -> Option<Zeroizing<String>> {
        None
    }
}

/// A publisher of a collection who holds the keys of two delegations of it.
struct Publisher<'a> {
    site: &'a Site,
    world: World,
    gun: Gun,
}

impl<'a> Publisher<'a> {
    fn new(site: &'a Site) -> Self {
        let publisher =
            Self { site, world: site.publisher(), gun: site.image("team/app").parse().expect("a GUN") };
        publisher.world.run(&["repo", "init", "--publish", publisher.gun.as_str()]).expect_success();
        let variables = PassphraseVariables::from_lookup(|_| Some(OsString::from(PASSPHRASE)));
        let passphrases =
            Passphrases::new(variables.expect("passphrases"), Arc::new(Nobody), Tries::default());
        let keys = DirKeyStore::new(&publisher.world.path(".docker/trust"), Arc::new(passphrases));
        let delegations = BOTH.map(|role| Change::EditDelegation {
            role: role.parse().expect("a role"),
            edit: DelegationEdit {
                add_keys: vec![keys.generate(role, None).expect("a key").public_key().clone()],
                add_paths: vec![String::new()],
                ..DelegationEdit::default()
            },
        });
        publisher.publish(&delegations);
        publisher
    }

    /// Signs a tag as this image in some roles, and puts the image into the registry.
    fn sign(&self, roles: &[&str], tag: &str, image: &Image) {
        self.site.registry().put_image("team/app", tag, image);
        let changes: Vec<_> = roles
            .iter()
            .map(|role| Change::SetTarget {
                role: role.parse().expect("a role"),
                name: tag.to_owned().into(),
                meta: FileMeta::new(image.digest().into(), image.manifest().bytes.len() as u64),
            })
            .collect();
        self.publish(&changes);
    }

    fn publish(&self, changes: &[Change]) {
        let list = ChangeList::new(self.world.path(".docker/trust"), self.gun.clone());
        let at = DateTime::from_unix(1_700_000_000).expect("a time");
        block_on(list.add(changes, at)).expect("changes are staged");
        self.world.run(&["repo", "publish", self.gun.as_str()]).expect_success();
    }
}

#[test]
fn tag_means_something_when_all_of_them_say_the_same() {
    let site = Site::start();
    let alice = Publisher::new(&site);
    let (one, other) = (Image::of_text("one").expect("an image"), Image::of_text("other").expect("an image"));
    alice.sign(&BOTH, "agreed", &one);
    alice.sign(&BOTH[..1], "half", &one);
    alice.sign(&BOTH[..1], "disputed", &other);
    alice.sign(&BOTH[1..], "disputed", &one);
    alice.sign(&["targets"], "usual", &one);

    let bob = person_with(&site, "signed_by = [\"targets/ci\", \"targets/security\"]");
    let pulled = bob.run(&["pull", &site.image("team/app:agreed")]).expect_success();
    let images = bob.run(&["images", "--json"]).expect_success().stdout;
    assert!(images.contains(&one.digest().to_string()), "{images}");
    let refused: Vec<_> = ["half", "disputed", "usual"]
        .iter()
        .map(|tag| bob.run(&["pull", &site.image(&format!("team/app:{tag}"))]).expect_code(3))
        .collect();
    let all = bob.run(&["pull", "-a", &site.image("team/app")]).expect_success();
    assert!(all.stdout.contains("Pull (1 of 1)"), "{}", all.stdout);
    bob.assert_told("policy_signed_by", &[&pulled, &refused[0], &refused[1], &refused[2]]);

    let gun = site.image("team/app");
    bob.run(&["repo", "lookup", &gun, "agreed"]).expect_success();
    bob.run(&["repo", "lookup", &gun, "disputed"]).expect_code(3);
    bob.run(&["why", &site.image("team/app:agreed")]).expect_success();
    bob.run(&["why", &site.image("team/app:half")]).expect_code(3);
    bob.run(&["doctor", &site.image("team/app:agreed")]).expect_success();
    bob.run(&["doctor", &site.image("team/app:half")]).expect_code(1);

    // Docker's order does not look where nobody released, and the policy does.
    site.person().run(&["pull", &site.image("team/app:agreed")]).expect_code(3);
    // Its publisher is not kept from mending what the policy refuses.
    let own = format!(
        "[[rule]]\nmatch = \"{}/*\"\nsigned_by = [\"targets/ci\", \"targets/security\"]\n",
        site.registry().host()
    );
    alice.world.write(".config/countersign/policy.toml", own);
    alice.sign(&BOTH[1..], "half", &one);
    bob.run(&["pull", &site.image("team/app:half")]).expect_success();
}
