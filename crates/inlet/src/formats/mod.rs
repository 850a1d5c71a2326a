//! How the products of the field write their reports: one file each.
//!
//! To add one, copy a file here, add its `mod` and its line in [`CATALOGUE`], and put mails of it
//! into `examples/NAME/`, each with what it says beside it; the tests below read them all. A format
//! first says whether a mail is its own, by something that no other product writes; then only its
//! own rules read it. The verdict comes from the line in which the product gives it, never from
//! words that stand about; what is not understood is [`Outcome::Unclassified`](model::Outcome).

use model::Says;

use crate::{Habits, Letter};

mod acronis;
mod active_backup;
pub mod advice;
mod ahsay;
mod altaro;
mod backup_exec;
mod backup_radar;
mod backuppc;
mod bacula;
mod borgmatic;
mod cells;
mod cobian;
mod duplicati;
mod hbs3;
mod hyper_backup;
mod iperius;
mod kopia;
mod macrium;
mod nakivo;
mod pbs;
mod pve_replication;
mod restic;
mod retrospect;
mod shape;
pub mod signature;
mod sql_agent;
mod synology;
mod truenas;
mod urbackup;
mod veeam;
mod veeam_365;
mod veeam_agent;
mod vzdump;
mod windows_server_backup;
mod xen_orchestra;

/// How one product reports.
#[derive(Debug)]
pub struct Format {
    /// How it is named in check files: `vzdump`.
    pub name: &'static str,
    /// How the product is called.
    pub title: &'static str,
    /// From where its wording is known, and what is not.
    pub source: &'static str,
    /// Is this mail from that product? Exactly one format should say so.
    pub recognises: fn(&Letter) -> bool,
    /// What it says. Titles, times of the envelope and limits are filled in by the caller.
    pub read: fn(&Letter, &Habits) -> Says,
    /// The product's verdict stands in the subject, or in the first or last lines of a text: a long
    /// one can be judged even if its middle was not read.
    pub ends_suffice: bool,
}

/// All formats; the more specific stand before the less.
pub static CATALOGUE: &[&Format] = &[
    &veeam_agent::FORMAT,
    &veeam_365::FORMAT,
    &veeam::FORMAT,
    &active_backup::FORMAT,
    &hyper_backup::FORMAT,
    &hbs3::FORMAT,
    &acronis::FORMAT,
    &iperius::FORMAT,
    &nakivo::FORMAT,
    &altaro::FORMAT,
    &vzdump::FORMAT,
    &pbs::FORMAT,
    &pve_replication::FORMAT,
    &xen_orchestra::FORMAT,
    &sql_agent::FORMAT,
    &bacula::FORMAT,
    &duplicati::FORMAT,
    &urbackup::FORMAT,
    &backuppc::FORMAT,
    &borgmatic::FORMAT,
    &restic::FORMAT,
    &truenas::FORMAT,
    &windows_server_backup::FORMAT,
    &macrium::FORMAT,
    &backup_exec::FORMAT,
    &cobian::FORMAT,
    &ahsay::FORMAT,
    &retrospect::FORMAT,
    &kopia::FORMAT,
    &backup_radar::FORMAT,
];

/// The format that is called `name`.
#[must_use]
pub fn named(name: &str) -> Option<&'static Format> {
    CATALOGUE.iter().find(|it| it.name == name).copied()
}

/// The format that recognises `letter`.
#[must_use]
pub fn of(letter: &Letter) -> Option<&'static Format> {
    CATALOGUE.iter().find(|it| (it.recognises)(letter)).copied()
}

#[cfg(test)]
mod mangled;
#[cfg(test)]
mod tests;
