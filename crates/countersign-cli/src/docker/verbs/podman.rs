//! podman's commands.

use super::Covered::{Build, Create, Pull, Push, Run};
use super::Table;

const KUBE: &str = "write each image in the file with its digest, `NAME@sha256:…` (`podman pull` verifies and prints it), and run it with \
     `DOCKER_CONTENT_TRUST=0`";
const UPDATE: &str = "pull each image with `podman pull`, which verifies it, and create its container anew";
const CLONE: &str = "create the container anew with `podman create`, which verifies its image";
const RESTORE: &str = "the image comes out of the checkpoint. If you know who wrote it, run it once with `DOCKER_CONTENT_TRUST=0`";
const LABEL: &str = "the image says itself what is run. Read the label with `podman image inspect` and run it yourself with `podman run`";
const INFRA: &str = "leave `--infra-image` out: podman then makes the image of the pod itself; or pull it, and name it by its digest with \
     `DOCKER_CONTENT_TRUST=0`";
const VOLUME: &str = "mount the image with `podman run --mount type=image,source=NAME,…`, which is covered";
const MACHINE: &str = "the image of the machine is not verified. If you trust it otherwise, run it once with `DOCKER_CONTENT_TRUST=0`";
const FARM: &str = "build on each machine with `podman build`";
const QUADLET: &str =
    "write each image in the unit with its digest, `NAME@sha256:…`, and run it with `DOCKER_CONTENT_TRUST=0`";
const COMPOSE: &str = "write each image in the compose file with its digest, `NAME@sha256:…` (`podman pull` verifies and prints it), and \
     run it with `DOCKER_CONTENT_TRUST=0`";

pub(super) const TABLE: Table = Table {
    covered: &[
        ("pull", Pull),
        ("image pull", Pull),
        ("push", Push),
        ("image push", Push),
        ("run", Run),
        ("container run", Run),
        ("create", Create),
        ("container create", Create),
        ("build", Build),
        ("image build", Build),
        ("buildx build", Build),
    ],
    passes: &[
        (
            "",
            "attach commit cp diff events exec export history images import info init inspect kill load login logout \
             logs mount pause port ps rename restart rm rmi save search start stats stop tag top umount unmount \
             unpause unshare untag update version wait completion __complete __completeNoDesc",
        ),
        ("artifact", "add extract inspect list ls pull push remove rm"),
        ("buildx", "inspect prune version"),
        (
            "compose",
            "config cp down events exec images kill logs ls pause port ps push restart rm start stop top unpause version",
        ),
        (
            "container",
            "attach checkpoint cleanup commit cp diff exec exists export init inspect kill list logs ls mount pause \
             port prune ps rename restart rm start stats stop top umount unmount unpause update wait",
        ),
        ("farm", "create list ls remove rm update"),
        ("generate", "kube spec systemd"),
        ("healthcheck", "run"),
        (
            "image",
            "diff exists history import inspect list load ls mount prune rm save scp search sign tag tree trust \
             umount unmount untag",
        ),
        ("kube", "apply down generate"),
        ("machine", "cp info inspect list ls reset rm set ssh start stop"),
        ("manifest", "add annotate create exists inspect push remove rm"),
        ("network", "connect create disconnect exists inspect list ls prune reload rm update"),
        (
            "pod",
            "create exists inspect kill list logs ls pause prune ps restart rm start stats stop top unpause",
        ),
        ("quadlet", "list ls print remove rm"),
        ("secret", "create exists inspect list ls rm"),
        ("system", "check connection df events info locks migrate prune renumber reset service"),
        ("volume", "create exists export import inspect list ls mount prune reload rm umount unmount"),
    ],
    refused: &[
        ("auto-update", UPDATE),
        ("compose build", COMPOSE),
        ("compose create", COMPOSE),
        ("compose pull", COMPOSE),
        ("compose run", COMPOSE),
        ("compose up", COMPOSE),
        ("container clone", CLONE),
        ("container restore", RESTORE),
        ("container runlabel", LABEL),
        ("farm build", FARM),
        ("kube play", KUBE),
        ("machine init", MACHINE),
        ("machine os", MACHINE),
        ("play kube", KUBE),
        ("pod clone", CLONE),
        ("quadlet install", QUADLET),
    ],
    guarded: &[
        ("pod create", &["--infra-image"], INFRA),
        ("volume create", &["image", "-dimage", "-d=image", "--driver=image"], VOLUME),
    ],
};
