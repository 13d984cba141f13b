//! What went wrong with Docker's content trust, one test for each case, in its number. `docs/reference/answers.md` tells of them.

mod builds;
mod pulls;
mod pushes;
mod teams;
