//! Calendar files.
#![no_main]

fuzz::target!(calendar::corpus::holidays, calendar::corpus::seeds, "holidays");
