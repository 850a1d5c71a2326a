//! Veeam Backup for Microsoft 365.
//!
//! Its default subject has the same parts as that of Backup & Replication, and what went wrong
//! behind them; users may write another one.

use super::{
    Format,
    veeam::{self, Product},
};

pub(super) static FORMAT: Format = Format {
    name: "veeam-365",
    title: "Veeam Backup for Microsoft 365",
    source: "the maker's documents for the subject; no real mail seen: the body is read as that of \
             Backup & Replication",
    recognises: |letter| veeam::product(letter) == Some(Product::Microsoft365),
    read: |letter, habits| veeam::read(letter, habits, "veeam-365"),
    ends_suffice: false,
};
