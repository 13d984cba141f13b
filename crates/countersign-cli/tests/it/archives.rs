//! `load`, `save` and `images`.

use countersign_testkit::image::Image;

use crate::world::World;

#[test]
fn load_takes_a_name_and_images_shows_it() {
    let world = World::new();
    let image = Image::of_text("hello").expect("an image");
    image.write_oci_archive(&world.path("app.tar"), "ignored").expect("an archive");
    let loaded = world.run(&["load", "app.tar", "--as", "localhost:5000/app"]);
    let quiet = world.run(&["images", "--quiet"]);
    let json = world.run(&["images", "--json"]);
    assert_eq!(quiet.stdout, format!("{}\n", image.digest()));
    let listed = world.run(&["images", "--no-trunc"]).expect_success();
    let row: Vec<_> = listed.stdout.lines().nth(2).expect("a row").split("    ").collect();
    assert_eq!(row[..3], ["localhost:5000/app", "latest", &image.digest().to_string()]);
    world.assert_told("load_and_images", &[&loaded, &quiet, &json]);
}

#[test]
fn save_writes_what_load_reads() {
    let world = World::new();
    let image = Image::of_text("hello").expect("an image");
    image.write_docker_archive(&world.path("app.tar"), "app:1").expect("an archive");
    world.run(&["load", "app.tar"]).expect_success();
    world.run(&["save", "app:1", "-o", "again.tar"]).expect_success();
    let other = World::new();
    std::fs::copy(world.path("again.tar"), other.path("again.tar")).expect("a copy");
    let output = other.run(&["load", "again.tar"]).expect_success();
    assert_eq!(output.stdout, "Loaded image: app:1\n");
}

#[test]
fn archives_that_cannot_be_used_are_refused_in_words() {
    let world = World::new();
    world.write("nothing.tar", b"no archive");
    let nothing = world.run(&["load", "nothing.tar"]).expect_code(1);
    let missing = world.run(&["load", "missing.tar"]).expect_code(1);
    let unknown = world.run(&["save", "nosuch:1", "-o", "out.tar"]).expect_code(1);
    assert!(!world.path("out.tar").exists());
    world.assert_told("archives_refused", &[&nothing, &missing, &unknown]);
}
