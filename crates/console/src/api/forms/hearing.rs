//! What was heard: reports, what they say, and what they have proved.

use std::sync::Arc;

use model::{Class, Heard, Outcome, Proof, Report, Says, TimeSource};

use super::{at, secs, text, texts};
use crate::api::{
    shape::{At, Line, shape},
    watching::Fed,
};

shape! {
    /// What a report says of one thing that a run is made of.
    out ObjectForm {
        /// Its name, as the report has it.
        name: String,
        /// What came of it.
        outcome: &'static str,
    }
}

pub(super) fn objects(all: &[(Arc<str>, Outcome)]) -> Vec<ObjectForm> {
    let form =
        |it: &(Arc<str>, Outcome)| ObjectForm { name: it.0.to_string(), outcome: it.1.word() };
    all.iter().map(form).collect()
}

shape! {
    /// What a report says of a run.
    out SaysForm {
        /// What came of it.
        outcome: &'static str,
        /// Which format or rule has read it.
        read_by: String,
        /// The subject, or the first line of a ping; written by others, as all that follows.
        title: String,
        /// The line that says it.
        text: String,
        /// The name of the job in the product's own words.
        names: String,
        /// When the run began.
        began_at: Option<At>,
        /// When it ended.
        ended_at: Option<At>,
        /// When it was sent.
        sent_at: Option<At>,
        /// Bytes.
        size: Option<u64>,
        /// Seconds.
        duration_secs: Option<u64>,
        /// What it says of each thing.
        objects: Vec<ObjectForm>,
        /// Pairs begin and end of one run.
        run: Option<String>,
        /// What to do about it; our own words, may be empty.
        advice: String,
    }
}

impl From<&Says> for SaysForm {
    fn from(it: &Says) -> Self {
        Self {
            outcome: it.outcome.unwrap_or(Outcome::Unclassified).word(),
            read_by: it.read_by.to_string(),
            title: it.title.to_string(),
            text: it.text.to_string(),
            names: it.names.to_string(),
            began_at: at(it.began_at),
            ended_at: at(it.ended_at),
            sent_at: at(it.sent_at),
            size: it.size,
            duration_secs: it.duration.map(secs),
            objects: objects(&it.objects),
            run: text(it.run.as_ref()),
            advice: it.advice.to_string(),
        }
    }
}

shape! {
    /// What a report has proved.
    out ProofForm {
        /// It came to the secret address.
        token: bool,
        /// A relay that the watchdog names has handed it over.
        relay: bool,
        /// The domain for which SPF passed.
        spf: Option<String>,
        /// The domains that have signed it.
        dkim: Vec<String>,
        /// Who vouches for it.
        vouched: Option<String>,
    }
}

impl From<&Proof> for ProofForm {
    fn from(it: &Proof) -> Self {
        Self {
            token: it.token,
            relay: it.relay,
            spf: text(it.spf.as_ref()),
            dkim: texts(&it.dkim),
            vouched: text(it.vouched.as_ref()),
        }
    }
}

shape! {
    /// A report: what was heard, and what became of it.
    out JobReportForm {
        /// Its id.
        id: u64,
        /// Grows with every change.
        version: u64,
        /// Full name of its watchdog; null while nobody has claimed it.
        watchdog: Option<String>,
        /// Whose; empty while nobody has claimed it.
        customer: String,
        /// When it came in.
        at: At,
        /// The time of its run.
        ran_at: At,
        /// Where that is from: `body`, `sent` or `arrival`.
        ran_by: &'static str,
        /// By which intake.
        intake: String,
        /// Who handed it over.
        peer: String,
        /// Whom it says it is from; written by others.
        from: String,
        /// What it says.
        says: SaysForm,
        /// What it has proved.
        proof: ProofForm,
        /// What became of it: `counted`, `duplicate`, `orphan`, ….
        class: &'static str,
        /// The run that it counts for, by the time at which that was expected.
        slot: Option<At>,
        /// Is the whole of it kept?
        kept: bool,
    }
}

impl From<&Report> for JobReportForm {
    fn from(it: &Report) -> Self {
        Self {
            id: it.id.0,
            version: it.version,
            watchdog: text(it.job.as_ref()),
            customer: it.customer.to_string(),
            at: At(it.at),
            ran_at: At(it.ran_at),
            ran_by: match it.ran_by {
                TimeSource::Body => "body",
                TimeSource::Sent => "sent",
                TimeSource::Arrival => "arrival",
            },
            intake: it.intake.to_string(),
            peer: it.peer.to_string(),
            from: it.from.to_string(),
            says: (&it.says).into(),
            proof: (&it.proof).into(),
            class: it.class.word(),
            slot: at(it.slot),
            kept: it.mail.is_some(),
        }
    }
}

shape! {
    /// What a mail says that was fed in or tried.
    out FedForm {
        /// Full name of the watchdog; null: nobody is found for it.
        watchdog: Option<String>,
        /// Its report; null for one that was only tried.
        report: Option<u64>,
        /// Whom it says it is from.
        from: String,
        /// What it says.
        says: SaysForm,
        /// What it has proved.
        proof: ProofForm,
    }
}

impl From<&Fed> for FedForm {
    fn from(it: &Fed) -> Self {
        let Heard { job, from, says, proof, .. } = &it.heard;
        Self {
            watchdog: text(job.as_ref()),
            report: it.report.map(|it| it.0),
            from: from.to_string(),
            says: says.into(),
            proof: proof.into(),
        }
    }
}

shape! {
    /// Says for which watchdog a report is.
    in ClaimForm {
        /// Full name of the watchdog.
        watchdog: Line,
    }
}

/// The words of classes, for parameters.
pub(crate) fn class_words() -> Vec<&'static str> {
    Class::ALL.iter().map(|it| it.word()).collect()
}
