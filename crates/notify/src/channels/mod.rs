//! Every way to deliver, one file each. To add one: copy a file, add its `mod` and its line.

mod alertmanager;
mod alertmanager_webhook;
mod email;
mod ntfy;
mod pagerduty;
mod slack;
mod sms;
mod teams;
mod telegram;
mod ticket;
mod webhook;

use crate::{Entry, entry};

/// In the order of the manual.
pub static CATALOGUE: &[Entry] = &[
    entry::<webhook::Webhook>(),
    entry::<alertmanager_webhook::AlertmanagerWebhook>(),
    entry::<alertmanager::Alertmanager>(),
    entry::<pagerduty::PagerDuty>(),
    entry::<slack::Slack>(),
    entry::<teams::Teams>(),
    entry::<ntfy::Ntfy>(),
    entry::<telegram::Telegram>(),
    entry::<email::Email>(),
    entry::<sms::Sms>(),
    entry::<ticket::Ticket>(),
];
