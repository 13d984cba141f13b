//! `push` and `pull` through the engines that people have: Docker's daemon and podman, and how one is chosen.

mod choice;
mod docker;
mod platforms;
mod podman;
mod remote;
