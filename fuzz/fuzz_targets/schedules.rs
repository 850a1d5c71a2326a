//! Texts of schedules: cron, systemd's, RRULE, and our own.
#![no_main]

fuzz::target!(calendar::corpus::schedules, calendar::corpus::seeds, "schedules");
