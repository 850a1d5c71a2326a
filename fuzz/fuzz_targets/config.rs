//! Check files and main files.
#![no_main]

fuzz::target!(config::corpus::config, config::corpus::seeds, "config");
