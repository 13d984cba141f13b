//! Docker's commands.

use super::Covered::{
    Build, Create, PluginInstall, PluginPush, PluginUpgrade, Pull, Push, Run, ServiceCreate, ServiceUpdate,
};
use super::Table;

const COMPOSE: &str = "write each image in the compose file with its digest, `NAME@sha256:…` (`docker pull` verifies and prints it), and \
     run it with `DOCKER_CONTENT_TRUST=0`";
const STACK: &str = "write each image in the file with its digest, `NAME:TAG@sha256:…` (`docker pull` verifies and prints it), and run it \
     with `DOCKER_CONTENT_TRUST=0`; or use `docker service create`, which is covered";
const BAKE: &str = "build each target with `docker build`, or write the images in its Dockerfiles with their digests and run it with \
     `DOCKER_CONTENT_TRUST=0`";
const BUILDER: &str = "name the builder's image by digest with `--driver-opt image=NAME@sha256:…`, and run it once with \
     `DOCKER_CONTENT_TRUST=0`";
const VOLUME: &str = "mount the image with `docker run --mount type=image,source=NAME,…`, which is covered";
const PLUGIN: &str = "if what it starts is named by digest, or you trust it otherwise, run it once with `DOCKER_CONTENT_TRUST=0`";
const DAP: &str = "build with `docker build`";

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
        ("builder build", Build),
        ("buildx build", Build),
        ("buildx b", Build),
        ("service create", ServiceCreate),
        ("service update", ServiceUpdate),
        ("plugin install", PluginInstall),
        ("plugin upgrade", PluginUpgrade),
        ("plugin push", PluginPush),
    ],
    passes: &[
        (
            "",
            "attach commit cp diff events exec export history images import info inspect kill load login logout logs \
             pause port ps rename restart rm rmi save search start stats stop tag top unpause update version wait init completion __complete __completeNoDesc",
        ),
        (
            "container",
            "attach commit cp diff exec export inspect kill list logs ls pause port prune ps rename remove restart rm \
             start stats stop top unpause update wait",
        ),
        ("image", "history import inspect list load ls prune remove rm save tag"),
        ("builder", "du prune"),
        (
            "buildx",
            "diskusage du history imagetools inspect install ls policy prune rm stop uninstall use \
             version",
        ),
        ("checkpoint", "create ls list rm remove"),
        (
            "compose",
            "attach config convert cp down events exec export images kill logs ls pause port ps push restart rm start \
             stats stop top unpause version volumes wait",
        ),
        ("config", "create inspect list ls remove rm"),
        ("context", "create export import inspect list ls remove rm show update use"),
        ("manifest", "annotate create inspect push rm"),
        ("network", "connect create disconnect inspect list ls prune remove rm"),
        ("node", "demote inspect list ls promote ps remove rm update"),
        ("plugin", "create disable enable inspect list ls remove rm set"),
        (
            "scout",
            "cache compare config cves enroll environment help integration policy push quickview \
                   recommendations repo sbom stream version vex watch",
        ),
        ("secret", "create inspect list ls remove rm"),
        ("service", "inspect list logs ls ps remove rm rollback scale"),
        ("stack", "config down list ls ps remove rm services"),
        ("swarm", "ca init join join-token leave unlock unlock-key update"),
        ("system", "df dial-stdio events info prune"),
        ("volume", "create inspect list ls prune remove rm update"),
    ],
    refused: &[
        ("buildx bake", BAKE),
        ("buildx create", BUILDER),
        ("buildx dap", DAP),
        ("buildx debug", DAP),
        ("buildx dial-stdio", DAP),
        ("buildx f", BAKE),
        ("compose bridge", COMPOSE),
        ("compose build", COMPOSE),
        ("compose commit", COMPOSE),
        ("compose create", COMPOSE),
        ("compose publish", COMPOSE),
        ("compose pull", COMPOSE),
        ("compose run", COMPOSE),
        ("compose scale", COMPOSE),
        ("compose up", COMPOSE),
        ("compose watch", COMPOSE),
        ("stack deploy", STACK),
        ("stack up", STACK),
        ("ai", PLUGIN),
        ("app", PLUGIN),
        ("cloud", PLUGIN),
        ("debug", PLUGIN),
        ("desktop", PLUGIN),
        ("dev", PLUGIN),
        ("engine", PLUGIN),
        ("extension", PLUGIN),
        ("mcp", PLUGIN),
        ("model", PLUGIN),
        ("offload", PLUGIN),
        ("sandbox", PLUGIN),
        ("sbom", PLUGIN),
    ],
    guarded: &[
        ("buildx inspect", &["--bootstrap"], BUILDER),
        // What is called docker may be podman.
        ("volume create", &["image", "-dimage", "-d=image", "--driver=image"], VOLUME),
    ],
};
