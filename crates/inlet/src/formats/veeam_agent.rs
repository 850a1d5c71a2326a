//! Veeam Agent for Windows and Linux: a machine that saves itself.
//!
//! It reports as its big sister does, for one machine: the subject has the machine, the job and a
//! long date behind the verdict, so no two are the same.

use super::{
    Format,
    veeam::{self, Product},
};

pub(super) static FORMAT: Format = Format {
    name: "veeam-agent",
    title: "Veeam Agent for Windows and Linux",
    source: "public parsers and a public template of the Linux agent's mail; subjects after a \
             public fixture",
    recognises: |letter| veeam::product(letter) == Some(Product::Agent),
    read: |letter, habits| veeam::read(letter, habits, "veeam-agent"),
    ends_suffice: false,
};
