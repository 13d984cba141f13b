//! What ours does besides, and where it departs from Docker.
