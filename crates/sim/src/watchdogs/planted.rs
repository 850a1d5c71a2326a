//! Bugs put around the ledger on purpose: what finds none of them proves nothing.

use crate::planted::planted;

planted! {
    /// A bug in what stands around the ledger of promised runs.
    WatchdogBug;
    /// Marks say that everything was read, whatever still lies there.
    MarkAhead = "mark-ahead-of-reading",
    /// Nobody is told that an intake cannot hear: it marks on.
    DeafUntold = "deaf-untold",
    /// Every report counts as proved.
    ProofGiven = "proof-given-to-anybody",
    /// Only the whole text makes a mail the same, and no `Message-ID`.
    IdIgnored = "message-id-ignored",
    /// Nobody asks the store whether something was heard before.
    StoreNotAsked = "store-not-asked",
    /// A report's own words about its time are not read.
    DateIgnored = "date-ignored",
    /// Senders are told that a mail is taken before it is kept.
    TakenTooSoon = "taken-before-commit",
    /// Now and then the row of a report is not kept.
    ReportLost = "report-row-lost",
    /// Now and then the row of a slot is not kept.
    SlotLost = "slot-row-lost",
    /// The bytes of a mail are not kept with its report.
    MailLost = "mail-bytes-lost",
    /// The keys of reports are not kept.
    KeysLost = "report-keys-lost",
    /// A restart forgets slots that are open.
    SlotsForgotten = "restart-forgets-slots",
    /// A restart forgets what is remembered of jobs, pauses too.
    MemoryForgotten = "restart-forgets-memory",
    /// A restart forgets what nobody has claimed.
    UnclaimedForgotten = "restart-forgets-unclaimed",
    /// A restart is not told that nobody listened before it.
    AwayUntold = "away-untold",
    /// The ledger is not woken by itself.
    NeverWoken = "never-woken",
    /// The ledger's clock is ten minutes ahead when it is woken.
    WokenEarly = "woken-early",
    /// On the day on which clocks change, runs are an hour off.
    HourOff = "hour-off-when-clocks-change",
    /// A run on the day on which clocks change is left out.
    RunLeftOut = "run-left-out-when-clocks-change",
    /// A run in a repeated hour is expected twice.
    RunTwice = "run-twice-when-clocks-change",
    /// Holidays are days like others.
    HolidaysIgnored = "holidays-ignored",
    /// Planned maintenance is not known.
    MaintenanceIgnored = "maintenance-ignored",
    /// What nobody understands counts as good.
    UnclassifiedIsOk = "unclassified-is-ok",
    /// Only the first object of a report is read.
    ObjectsCut = "objects-cut",
    /// A mail for nobody is forgotten.
    StrayLost = "stray-mail-lost",
    /// A slot that was missing never stands better.
    CorrectionLost = "correction-lost",
    /// A proposal stays when the run has gone well after all.
    ProposalKept = "proposal-not-withdrawn",
    /// Every proposal is kept twice, under two ids.
    ProposalDoubled = "proposal-doubled",
    /// A problem of a job is not kept now and then.
    ProblemLost = "problem-row-lost",
    /// The end of a problem is not kept.
    NeverOver = "problem-never-over",
    /// Slots that are kept do not make a call ready.
    NeverReady = "never-ready-to-close",
    /// One slot less than is waited for makes a call ready.
    ReadyTooSoon = "ready-too-soon",
}
