//! Bugs put between the desk and its driver on purpose: what finds none of them proves nothing.

use crate::planted::planted;

planted! {
    /// A bug in what stands around the desk.
    DeskBug;
    /// Effects are carried out before the rows of the same input are kept.
    EffectsFirst = "effects-before-commit",
    /// Now and then the row of a problem is not kept.
    RowLost = "problem-row-lost",
    /// Now and then the row of an alert is not kept.
    AlertRowLost = "alert-row-lost",
    /// A restart does not know which ids have been given out.
    IdsReused = "ids-reused-after-restart",
    /// Word that a problem is over is neither kept nor sent.
    ResolveLost = "resolve-lost",
    /// Somebody is told that a problem is over who never heard of it.
    ResolveUntold = "resolve-to-nobody-told",
    /// What an acknowledgement withdraws is sent all the same.
    AckIgnored = "ack-ignored-at-hand-out",
    /// A digest loses its last member.
    MemberLost = "digest-member-lost",
    /// One message is held back until the next one about the same has gone.
    OrderSwapped = "order-swapped",
    /// Now and then nobody says what came of a try.
    OutcomeLost = "outcome-lost",
    /// A restart forgets windows that were planned at run time, and what is known of occurrences.
    WindowsForgotten = "restart-forgets-windows",
    /// A restart forgets silences.
    SilencesForgotten = "restart-forgets-silences",
    /// A restart forgets who was told what.
    ToldForgotten = "restart-forgets-told",
    /// A restart forgets what waits to be sent.
    OutboxForgotten = "restart-forgets-outbox",
    /// A restart forgets acknowledgements.
    AcksForgotten = "restart-forgets-acks",
    /// A restart forgets proposals.
    ProposalsForgotten = "restart-forgets-proposals",
    /// A restart takes the last step of a ladder again.
    StepTwice = "step-taken-twice",
    /// Every proposal is kept twice, under two ids.
    ProposalDoubled = "proposal-doubled",
    /// A change of a proposal or call does not raise its version.
    VersionKept = "version-not-raised",
    /// What is owed at the end of a window is dropped.
    WindowEndUntold = "window-end-untold",
    /// The desk never hears of canaries.
    CanariesIgnored = "canaries-ignored",
    /// What is owed to a fallback is dropped.
    FallbackLost = "fallback-lost",
    /// The end of a problem is not kept.
    NeverClosed = "problem-never-closed",
    /// A problem loses one of those it explains.
    SymptomLost = "symptom-lost",
    /// A failed try is repeated at once, for ever, without asking the desk.
    EndlessRetries = "endless-retries",
    /// Now and then a decision is not kept.
    DecisionLost = "decision-lost",
    /// An event is not kept now and then.
    EventLost = "event-lost",
    /// Nobody looks which version a request has seen.
    StaleAccepted = "stale-request-accepted",
    /// Now and then nobody is answered.
    AnswerLost = "answer-lost",
    /// Two batches of rows are kept in the wrong order.
    CommitsSwapped = "commits-swapped",
    /// The desk is not woken by itself.
    NeverWoken = "never-woken",
    /// The desk's clock is ten minutes ahead when it is woken.
    WokenEarly = "woken-early",
    /// What a window, a silence or an acknowledgement put off is never decided again.
    ParkedForever = "parked-forever",
    /// What was held because it might be a part of something larger is never let go.
    HeldForever = "held-forever",
    /// Shards never hear that somebody is to rest in a window.
    RestForgotten = "rest-forgotten",
    /// Shards never hear that somebody need not rest any more.
    RestForever = "rest-forever",
    /// A call does not get the problem of a proposal that is merged into it.
    MergeLosesProblem = "merge-loses-problem",
    /// Who was to be told by an alert that was withdrawn counts as told.
    WorseningLost = "withdrawn-counts-as-told",
    /// After a restart the newest message about a problem goes first.
    OrderLost = "restart-turns-order-round",
    /// Somebody whom an alert never reached is told that the problem is over.
    ResolveUnreached = "resolve-to-unreached",
    /// A proposal stays when its cause has gone.
    ProposalKept = "proposal-not-withdrawn",
    /// A clock runs while the call waits for the customer.
    ClockRuns = "clock-not-paused",
    /// A call that has waited long enough is never ready to close.
    NeverReady = "never-ready-to-close",
    /// A sign of life leaves although nothing gets on.
    BlindHeartbeat = "heartbeat-without-progress",
    /// A restart forgets who stands in for whom.
    OverridesForgotten = "restart-forgets-overrides",
    /// A restart lets in again who was sent away.
    TokensRevived = "restart-revives-tokens",
}
