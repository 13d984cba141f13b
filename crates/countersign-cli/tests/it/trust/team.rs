//! A team around one repository, with a registry of its own.

use countersign_lab::registry::Registry;
use countersign_testkit::image::Image;

use super::stage::Server;
use crate::world::{World, block_on};

/// An owner and two people whose public keys the owner has, and a repository.
pub(super) struct Team {
    registry: Registry,
    pub(super) gun: String,
    pub(super) owner: World,
    pub(super) bob: World,
    pub(super) carol: World,
}

impl Team {
    pub(super) fn of(server: &Server) -> Self {
        let registry = block_on(Registry::start()).expect("a registry on loopback");
        let gun = format!("{}/team/app", registry.host());
        let team =
            Self { gun, owner: server.person(), bob: server.person(), carol: server.person(), registry };
        for (person, name) in [(&team.bob, "bob"), (&team.carol, "carol")] {
            person.run(&["trust", "key", "generate", name]).expect_success();
            let file = format!("{name}.pub");
            team.owner.write(&file, std::fs::read(person.path(&file)).expect("a public key"));
        }
        team
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn tag(&self, tag: &str) -> String {
        format!("{}:{tag}", self.gun)
    }

    pub(super) fn add(&self, name: &str) {
        self.owner
            .run(&["trust", "signer", "add", "--key", &format!("{name}.pub"), name, &self.gun])
            .expect_success();
    }

    /// Has somebody push and sign a tag.
    pub(super) fn push(&self, person: &World, tag: &str, text: &str) -> Image {
        let image = person.load(&self.tag(tag), text);
        person.run(&["push", "--engine", "local", &self.tag(tag)]).expect_success();
        image
    }

    /// The digest that a pull of a tag brings; `None` if it is refused as not trusted.
    pub(super) fn pulled(&self, server: &Server, tag: &str) -> Option<String> {
        let reader = server.person();
        let output = reader.run(&["pull", &self.tag(tag)]);
        if output.code == Some(3) {
            return None;
        }
        let output = output.expect_success();
        let digest = output.stdout.lines().find_map(|line| line.strip_prefix("Digest: "));
        Some(digest.expect("a digest").to_owned())
    }

    /// Who signed a tag, as `trust inspect` says it.
    pub(super) fn signers(&self, server: &Server, tag: &str) -> Vec<String> {
        let output = server.person().run(&["trust", "inspect", &self.tag(tag)]).expect_success();
        let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
        let signers = json[0]["SignedTags"][0]["Signers"].as_array().cloned().unwrap_or_default();
        signers.iter().filter_map(|signer| signer.as_str().map(str::to_owned)).collect()
    }
}

pub(super) fn digest(image: &Image) -> String {
    image.digest().to_string()
}
