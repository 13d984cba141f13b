//! The policy, as far as it shows from outside.

mod check;
mod files;
mod first_use;
mod freshness;
mod mirrors;
mod optional;
mod servers;
mod signers;

use crate::world::{Site, World};

/// Somebody whose policy has a rule for every image of the site's registry, with these lines.
fn person_with(site: &Site, lines: &str) -> World {
    let world = site.person();
    write_rule(&world, site, lines);
    world
}

fn write_rule(world: &World, site: &Site, lines: &str) {
    let host = site.registry().host();
    world.write(".config/countersign/policy.toml", format!("[[rule]]\nmatch = \"{host}/*\"\n{lines}\n"));
}
