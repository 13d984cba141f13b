//! The program against somebody who stands between it and the trust server, or is the trust server: what is refused leaves no
//! tag, no image and no byte behind, and the next honest edition is pulled.

mod forged;
mod served;
mod stage;
