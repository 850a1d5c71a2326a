//! Ends of runs, from which a schedule is learned.
#![no_main]

fuzz::target!(calendar::corpus::suggestions, calendar::corpus::seeds, "suggestions");
