//! A registry, a trust server that says what an attacker wants, and somebody who pulls.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use countersign_core::certificate::self_signed;
use countersign_core::digest::Digest;
use countersign_core::metadata::FileMeta;
use countersign_core::name::TopRole;
use countersign_core::time::DateTime;
use countersign_lab::proxy::{Proxy, Upstream};
use countersign_lab::tls::Authority;
use countersign_testkit::command::Output;
use countersign_testkit::image::Image;

use crate::collection::{Files, Sim, name, now, version};
use crate::world::{Site, World, block_on};

/// The machine's time, in whole seconds.
pub(super) fn clock() -> DateTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let epoch: DateTime = "1970-01-01T00:00:00Z".parse().expect("a time");
    epoch.plus_seconds(i64::try_from(since.as_secs()).expect("a time"))
}

/// A proxy before the site's trust server, and somebody who trusts its authority.
pub(super) fn behind_a_proxy(site: &Site) -> (Proxy, World) {
    let authority = Authority::new().expect("an authority");
    let ca = fs::read_to_string(site.ca()).expect("a certificate");
    let upstream = Upstream::server(&site.trust_server(), Some(&ca)).expect("an upstream");
    let identity = authority.issue(&["127.0.0.1"]).expect("a certificate");
    let proxy = block_on(Proxy::start(upstream, Some(identity))).expect("a proxy on loopback");
    let mut world = World::new();
    world.write("ca.crt", authority.ca_pem());
    let ca = world.path("ca.crt");
    world.use_server(&proxy.url(), &ca);
    // Whatever is pulled, an empty image store is made first.
    world.run(&["pull", "--engine", "local", &site.image("team/nothing")]).expect_code(3);
    (proxy, world)
}

/// Every file in a home but for locks, by the hash of its content: what must not change.
pub(super) fn state(world: &World) -> BTreeMap<String, Digest> {
    fn walk(dir: &Path, found: &mut BTreeMap<String, Digest>) {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_none_or(|extension| extension != "lock") {
                let content = fs::read(&path).expect("a file");
                found.insert(path.display().to_string(), Digest::sha256(&content));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&world.path(""), &mut found);
    found
}

/// A collection whose keys the attacker may have, at its second edition, and Bob, who pulled that.
pub(super) struct Stage {
    pub(super) site: Site,
    proxy: Proxy,
    pub(super) bob: World,
    pub(super) sim: Sim,
    pub(super) first: Files,
    images: [Image; 3],
}

impl Stage {
    pub(super) fn set() -> Self {
        let site = Site::start();
        let (proxy, bob) = behind_a_proxy(&site);
        let images = ["first", "second", "third"].map(|text| Image::of_text(text).expect("an image"));
        for image in &images {
            site.registry().put_image("team/app", "v1", image);
        }
        let mut sim = collection(&site.image("team/app"));
        sim.targets("targets").targets.insert(name("v1"), FileMeta::of(&images[0].manifest().bytes));
        let first = sim.files();
        sim.targets("targets").targets.insert(name("v1"), FileMeta::of(&images[1].manifest().bytes));
        let second = sim.publish();
        let stage = Self { site, proxy, bob, sim, first, images };
        stage.serve(&[&stage.first, &second]);
        stage.pull().expect_success();
        assert!(stage.has(&stage.images[1]));
        stage
    }

    /// Serves these editions, of which the last is current.
    pub(super) fn serve(&self, editions: &[&Files]) {
        let mut files: Vec<(String, Bytes)> = Vec::new();
        for edition in editions {
            files.push(("root".to_owned(), edition.root.clone()));
            files.push(("timestamp".to_owned(), edition.timestamp.clone()));
            files.push(("snapshot".to_owned(), edition.snapshot.clone()));
            files.extend(edition.roles.iter().map(|(of, file)| (of.to_string(), file.clone())));
        }
        let gun = self.site.image("team/app").parse().expect("a GUN");
        self.proxy.forge("edition", &gun, files);
        self.proxy.replay("edition");
    }

    pub(super) fn pull(&self) -> Output {
        self.bob.run(&["pull", "--engine", "local", &self.site.image("team/app:v1")])
    }

    fn has(&self, image: &Image) -> bool {
        self.bob.run(&["images", "--no-trunc"]).stdout.contains(&image.digest().to_string())
    }

    /// Bob pulls what is served, which is refused, and nothing of his changes. The next honest edition is pulled.
    #[track_caller]
    pub(super) fn refuses(&self, attack: &str, code: i32, text: &str) {
        let before = state(&self.bob);
        let output = self.pull();
        assert_eq!(output.code, Some(code), "{attack}: {}", output.transcript());
        assert!(output.stderr.contains(text), "{attack}: {}", output.transcript());
        assert_eq!(state(&self.bob), before, "{attack}: something changed");
        self.next_is_pulled(self.sim.clone(), attack);
    }

    /// The third edition of `sim` is pulled.
    #[track_caller]
    pub(super) fn next_is_pulled(&self, mut sim: Sim, attack: &str) {
        raise(&mut sim, 1000);
        sim.targets("targets").targets.insert(name("v1"), FileMeta::of(&self.images[2].manifest().bytes));
        self.serve(&[&sim.files()]);
        let output = self.pull();
        assert_eq!(output.code, Some(0), "{attack}: {}", output.transcript());
        assert!(self.has(&self.images[2]), "{attack}: the honest edition is there");
    }
}

/// A collection whose files hold for an hour from now.
pub(super) fn collection(gun: &str) -> Sim {
    let mut sim = Sim::new();
    let shift = now().seconds_until(clock());
    sim.gun = gun.parse().expect("a GUN");
    let certificate = self_signed(&sim.gun, &sim.root_key, clock()).expect("a certificate");
    sim.root.keys.retain(|id, _| !sim.root.roles["root"].keyids.contains(id));
    sim.list(TopRole::Root, vec![certificate]);
    for expires in [&mut sim.root.expires, &mut sim.snapshot.expires, &mut sim.timestamp.expires] {
        *expires = expires.plus_seconds(shift);
    }
    for targets in sim.roles.values_mut() {
        targets.expires = targets.expires.plus_seconds(shift);
    }
    sim
}

/// Gives every file but root this version.
pub(super) fn raise(sim: &mut Sim, number: u64) {
    sim.timestamp.version = version(number);
    sim.snapshot.version = version(number);
    for targets in sim.roles.values_mut() {
        targets.version = version(number);
    }
}
