# Shortcuts for people who have `just`. The scripts are what counts.

# Check everything, as CI does
test:
    scripts/test

# Push and pull real images under both trust servers
real-run:
    scripts/real-run

# Each loss of a key, and its way out
lost-keys:
    scripts/lost-keys

# Install what the tests run against
peers:
    scripts/install-test-peers
