//! What comes over the wires of checks: echoes, SNMP, redirects, certificates.
#![no_main]

fuzz::target!(probe::corpus::wires, probe::corpus::seeds, "wires");
