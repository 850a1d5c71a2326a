//! Texts of windows, opening hours, dates and moments.
#![no_main]

fuzz::target!(calendar::corpus::windows, calendar::corpus::seeds, "windows");
