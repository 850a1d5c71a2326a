//! One session: reads, waits, writes; what it all means is said elsewhere.

use std::{io, panic::AssertUnwindSafe, sync::atomic::Ordering::Relaxed, time::Duration};

use futures_util::FutureExt;
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Answer, Limits, Mail, Raw, Refusal, Taker, Times,
    budget::Share,
    dialogue::{Begun, Dialogue, Floor, Step},
    dots::{Dots, Fed},
    lines::{self, Flaw, Line},
    login::{Method, Next, Said},
    reply::{self, Reply},
    wire::{CHUNK_BYTES, Wire},
};

/// What a mail gets first beyond the size that its sender has said, and how many times more
/// whenever that is not enough: most need no more.
const FIRST_BYTES: usize = CHUNK_BYTES;
const GROWTH: usize = 4;
/// Bytes of a peer that is cut off which are still read, so that it can read the reason.
const FAREWELL_BYTES: usize = 256 << 10;

/// One session.
pub(super) struct Session {
    floor: Floor,
    wire: Wire,
    dialogue: Dialogue,
    stopping: watch::Receiver<bool>,
    until: Instant,
}

/// Why no more commands are read.
enum End {
    /// The peer is gone, or takes no answers.
    Gone,
    /// It is told this, and then the line is closed.
    Close(Reply),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Session {
    pub(super) fn new(floor: Floor, wire: Wire, stopping: watch::Receiver<bool>) -> Self {
        let until = Instant::now() + floor.limits().times.session;
        Self { floor, wire, dialogue: Dialogue::default(), stopping, until }
    }

    /// Speaks until one of both has enough.
    pub(super) async fn run(mut self) {
        if self.floor.intake.tls_first {
            match self.shake().await {
                Some(secured) => self = secured,
                None => return,
            }
        }
        let protocol = if self.floor.intake.lmtp { "LMTP" } else { "ESMTP" };
        let host = &self.floor.intake.host;
        let banner = Reply::lines(220, format!("{host} {protocol}"));
        self.say(&banner);
        let reply = loop {
            let step = match self.command().await {
                Ok(step) => step,
                Err(End::Gone) => return,
                Err(End::Close(reply)) => break reply,
            };
            match step {
                Step::Say(reply) => self.say(&reply),
                Step::Close(reply) => break reply,
                Step::Secure => match self.secure().await {
                    Some(secured) => self = secured,
                    None => return,
                },
                Step::Login(method, initial) => match self.login(method, &initial).await {
                    Ok(Step::Close(reply)) => break reply,
                    Ok(Step::Say(reply)) => self.say(&reply),
                    Ok(_) => {}
                    Err(End::Gone) => return,
                    Err(End::Close(reply)) => break reply,
                },
                Step::Text(begun) => match self.mail(*begun).await {
                    Ok(()) => {}
                    Err(End::Gone) => return,
                    Err(End::Close(reply)) => break reply,
                },
            }
        };
        self.say(&reply);
        let farewell = self.wire.farewell(FAREWELL_BYTES);
        // Whether it has read that is its own affair.
        timeout(self.floor.limits().times.farewell, farewell).await.ok();
    }

    fn say(&mut self, reply: &Reply) {
        reply.put(self.wire.output());
    }

    fn times(&self) -> &Times {
        &self.floor.limits().times
    }

    async fn flush(&mut self) -> Result<(), End> {
        let wait = self.times().reply;
        timeout(wait, self.wire.flush()).await.map_err(|_| End::Gone)?.map_err(End::from)
    }

    /// The next command, and what it means. Answers wait while commands lie there, and go together.
    async fn command(&mut self) -> Result<Step, End> {
        let bytes = self.line().await?;
        let input = self.wire.input();
        let more = input.len() > bytes;
        let step = self.dialogue.command(&input[..bytes], more, &self.floor);
        self.wire.read(bytes);
        Ok(step)
    }

    /// Waits until a whole line is there; so many bytes it has.
    async fn line(&mut self) -> Result<usize, End> {
        let mut until = None;
        loop {
            match lines::first(self.wire.input(), self.floor.limits().command_bytes) {
                Line::Whole(bytes) => return Ok(bytes),
                Line::Flawed(flaw) => return Err(self.flawed(flaw)),
                Line::Part => {}
            }
            self.flush().await?;
            let until = *until.get_or_insert_with(|| self.patience());
            let stop = stopped(&mut self.stopping);
            tokio::select! {
                biased;
                () = stop => return Err(End::Close(reply::STOPPING)),
                filled = timeout_at(until, self.wire.fill()) => match filled {
                    Ok(Ok(bytes)) if bytes > 0 => {}
                    Ok(_) => return Err(End::Gone),
                    Err(_) => return Err(self.refused(Refusal::Idle, reply::IDLE)),
                },
            }
        }
    }

    /// Until when a command has to be there.
    fn patience(&self) -> Instant {
        let times = self.times();
        let wait =
            if self.floor.gate.crowd.is_crowded() { times.command_crowded } else { times.command };
        (Instant::now() + wait).min(self.until)
    }

    fn refused(&self, why: Refusal, reply: Reply) -> End {
        self.floor.count(why);
        End::Close(reply)
    }

    fn flawed(&self, flaw: Flaw) -> End {
        match flaw {
            Flaw::BareCr | Flaw::BareLf => self.refused(Refusal::BareLine, reply::BARE),
            Flaw::Nul => self.refused(Refusal::Nul, reply::NUL),
            Flaw::Long => self.refused(Refusal::Line, reply::LONG_COMMAND),
        }
    }

    async fn secure(mut self) -> Option<Self> {
        self.say(&reply::GO_SECURE);
        self.flush().await.ok()?;
        self.shake().await
    }

    /// Goes on with TLS.
    async fn shake(mut self) -> Option<Self> {
        let acceptor = self.floor.intake.tls.as_ref()?.acceptor();
        let handshake = timeout(self.times().handshake, self.wire.secure(&acceptor)).await;
        let Ok(Ok(wire)) = handshake else {
            self.floor.count(Refusal::Handshake);
            return None;
        };
        self.floor.gate.counters.secured.fetch_add(1, Relaxed);
        self.dialogue.secured();
        self.wire = wire;
        Some(self)
    }

    /// Hears who a sender says it is; what follows from that.
    async fn login(&mut self, method: Method, initial: &str) -> Result<Step, End> {
        let mut said = Said::new(method);
        let mut next = match initial {
            "" => Next::Ask(said.first()),
            it => said.hear(it.as_bytes()),
        };
        loop {
            match next {
                Next::Ask(prompt) => {
                    self.say(&Reply::ask(prompt));
                    let bytes = self.line().await?;
                    next = said.hear(&self.wire.input()[..bytes]);
                    self.wire.read(bytes);
                }
                Next::Try(user, password) => {
                    return Ok(self.dialogue.logs_in(&user, &password, &self.floor));
                }
                Next::Stop => return Ok(Step::Say(reply::NO_LOGIN)),
            }
        }
    }

    /// Reads a mail, has it taken, and tells the peer.
    async fn mail(&mut self, begun: Begun) -> Result<(), End> {
        let floor = &self.floor;
        let mut share =
            floor.gate.budget.share(floor.place.peer(), floor.place.is_relay(), &begun.whose);
        if floor.is_full() {
            floor.count(Refusal::Room);
            self.say(&reply::NO_ROOM);
            return Ok(());
        }
        // The last bytes come with whatever follows them.
        if !share.grow(begun.declared + FIRST_BYTES).await {
            floor.count(Refusal::Memory);
            self.say(&reply::NO_ROOM);
            return Ok(());
        }
        self.say(&reply::GO_AHEAD);
        self.flush().await?;
        let recipients = begun.envelope.recipients.len();
        let mut text = Text::new(share);
        match self.receive(&mut text).await {
            Ok(()) => {}
            Err(End::Close(reply)) => {
                self.say_all(&vec![reply.clone(); self.replies(recipients) - 1]);
                return Err(End::Close(reply));
            }
            Err(End::Gone) => return Err(End::Gone),
        }
        let replies = match text.refused {
            Some((why, reply)) => {
                self.floor.count(why);
                vec![reply; self.replies(recipients)]
            }
            None => self.take(text.into_mail(begun)).await,
        };
        self.say_all(&replies);
        Ok(())
    }

    /// LMTP has an answer for each recipient, SMTP one for all.
    fn replies(&self, recipients: usize) -> usize {
        if self.floor.intake.lmtp { recipients } else { 1 }
    }

    fn say_all(&mut self, replies: &[Reply]) {
        for reply in replies {
            self.say(reply);
        }
    }

    /// Reads the text to its end, even if it has been refused by then.
    async fn receive(&mut self, text: &mut Text) -> Result<(), End> {
        let mut pace = Pace::new(self.times(), Instant::now());
        loop {
            let limits = self.floor.limits();
            let input = self.wire.input();
            let waited = text.make_room(input.len(), limits.mail_bytes).await;
            if waited {
                pace.rest(Instant::now());
            }
            let (fed, bytes) = match text.feed(input, limits) {
                Fed::More => (Fed::More, input.len()),
                Fed::End(bytes) => (Fed::End(bytes), bytes),
                Fed::Flawed(flaw) => return Err(self.flawed(flaw)),
            };
            self.wire.read(bytes);
            if fed != Fed::More {
                return Ok(());
            }
            if text.seen > limits.drained_bytes {
                let (why, reply) = text.refused.take().unwrap_or((Refusal::Size, reply::SIZE));
                return Err(self.refused(why, reply));
            }
            if text.seen > FIRST_BYTES {
                // A large mail that is always ready would keep the small ones waiting.
                tokio::task::yield_now().await;
            }
            self.more(&mut pace).await?;
        }
    }

    /// Waits for more of a text; not for long if little comes.
    async fn more(&mut self, pace: &mut Pace) -> Result<(), End> {
        loop {
            let filled = timeout_at(pace.next(), self.wire.fill()).await;
            match filled {
                Ok(Ok(0) | Err(_)) => return Err(End::Gone),
                Ok(Ok(bytes)) => pace.bytes += bytes,
                Err(_) => {}
            }
            if pace.is_too_slow(Instant::now()) {
                return Err(self.refused(Refusal::Slow, reply::SLOW));
            }
            if filled.is_ok() {
                return Ok(());
            }
        }
    }

    /// Hands a mail to the taker, and says what it says.
    async fn take(&mut self, mut mail: Mail) -> Vec<Reply> {
        mail.envelope.at = self.floor.taker.now();
        let counters = &self.floor.gate.counters;
        counters.bytes.fetch_add(mail.raw.len() as u64, Relaxed);
        let recipients = mail.envelope.recipients.len();
        let answers = asked(&*self.floor.taker, mail, self.times().take).await;
        let answers = answers.unwrap_or_else(|fault| {
            counters.panics.fetch_add(u64::from(fault == Fault::Panic), Relaxed);
            Vec::new()
        });
        let mut answers: Vec<Answer> = answers.into_iter().take(recipients).collect();
        answers.resize(recipients, Answer::Later(String::new()));
        if !self.floor.intake.lmtp {
            // One answer for all: whatever is not good has to reach the sender.
            let rank = |it: &Answer| match it {
                Answer::Taken => 0,
                Answer::Never(_) => 1,
                Answer::Later(_) => 2,
            };
            answers.sort_by_key(rank);
            answers.drain(..answers.len().saturating_sub(1));
        }
        answers.iter().map(|it| self.told(it)).collect()
    }

    fn told(&self, answer: &Answer) -> Reply {
        let counters = &self.floor.gate.counters;
        let (counter, reply) = match answer {
            Answer::Taken => (&counters.taken, reply::TAKEN),
            Answer::Later(text) => (&counters.later, Reply::later(text)),
            Answer::Never(text) => (&counters.never, Reply::never(text)),
        };
        counter.fetch_add(1, Relaxed);
        reply
    }
}

/// Why a taker has not answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Panic,
    Late,
}

/// A taker that panics or hangs has not taken the mail, and the sender still has it.
async fn asked(taker: &dyn Taker, mail: Mail, wait: Duration) -> Result<Vec<Answer>, Fault> {
    let taken = AssertUnwindSafe(async move { taker.take(mail).await }).catch_unwind();
    match timeout(wait, taken).await {
        Ok(Ok(answers)) => Ok(answers),
        Ok(Err(_)) => {
            tracing::error!("what takes mails has panicked; the sender was told to come again");
            Err(Fault::Panic)
        }
        Err(_) => {
            tracing::warn!("a mail was not taken in time; the sender was told to come again");
            Err(Fault::Late)
        }
    }
}

/// Waits until the server is to stop.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Whoever could have said so is gone: that is as good as said.
    stopping.wait_for(|it| *it).await.ok();
}

/// How fast a text comes.
struct Pace {
    /// In each span so many bytes have to come.
    span: Duration,
    bytes_min: usize,
    /// All of it has to be there by then.
    until: Instant,
    begin: Instant,
    bytes: usize,
}

impl Pace {
    fn new(times: &Times, begin: Instant) -> Self {
        Self {
            span: times.progress,
            bytes_min: times.progress_bytes,
            until: begin + times.text,
            begin,
            bytes: 0,
        }
    }

    /// When to look again.
    fn next(&self) -> Instant {
        (self.begin + self.span).min(self.until)
    }

    /// Looks at what has come, and counts anew once a span is over.
    fn is_too_slow(&mut self, now: Instant) -> bool {
        if now < self.next() {
            return false;
        }
        if self.bytes < self.bytes_min || now >= self.until {
            return true;
        }
        self.rest(now);
        false
    }

    /// Counts anew.
    fn rest(&mut self, now: Instant) {
        self.begin = now;
        self.bytes = 0;
    }
}

/// The text of a mail while it comes.
struct Text {
    dots: Dots,
    raw: Vec<u8>,
    share: Share,
    seen: usize,
    /// It will not be taken, whatever still comes.
    refused: Option<(Refusal, Reply)>,
}

impl Text {
    fn new(share: Share) -> Self {
        let raw = Vec::with_capacity(share.bytes());
        Self { dots: Dots::default(), raw, share, seen: 0, refused: None }
    }

    /// Makes room for so many bytes more. Was there something to wait for?
    async fn make_room(&mut self, more: usize, mail_bytes_max: usize) -> bool {
        let wanted = self.raw.len() + more;
        if self.refused.is_some() || wanted <= self.share.bytes() {
            return false;
        }
        // One byte more than is allowed is enough to see that it is too large.
        let bytes = (self.share.bytes() * GROWTH).min(mail_bytes_max).max(wanted);
        if self.share.grow(bytes).await {
            self.raw.reserve_exact(bytes - self.raw.len());
        } else {
            self.refuse(Refusal::Memory, reply::NO_ROOM);
        }
        true
    }

    fn feed(&mut self, input: &[u8], limits: &Limits) -> Fed {
        let fed = self.dots.feed(input, &mut self.raw);
        self.seen += input.len();
        if self.refused.is_some() {
            self.raw.clear();
        } else if self.raw.len() > limits.mail_bytes {
            self.refuse(Refusal::Size, reply::SIZE);
        } else if self.dots.longest() > limits.text_line_bytes {
            self.refuse(Refusal::Line, reply::LONG_LINE);
        }
        fed
    }

    /// Forgets what has come.
    fn refuse(&mut self, why: Refusal, reply: Reply) {
        self.refused = Some((why, reply));
        self.raw = Vec::new();
        self.share.shrink(0);
    }

    fn into_mail(mut self, begun: Begun) -> Mail {
        if self.raw.capacity() > 2 * self.raw.len() {
            self.raw.shrink_to_fit();
        }
        self.share.shrink(self.raw.capacity());
        let Begun { envelope, secure, .. } = begun;
        Mail { envelope, secure, raw: Raw { bytes: self.raw, share: self.share } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_every_span_enough_has_to_come_and_all_of_it_in_time() {
        let second = Duration::from_secs(1);
        let times = Times {
            progress: 10 * second,
            progress_bytes: 5,
            text: 25 * second,
            ..Times::default()
        };
        let begin = Instant::now();
        let mut pace = Pace::new(&times, begin);
        assert_eq!(pace.next(), begin + 10 * second);
        assert!(!pace.is_too_slow(begin + 9 * second), "it is looked at when a span is over");
        pace.bytes += 5;
        assert!(!pace.is_too_slow(begin + 10 * second));
        pace.bytes += 4;
        assert!(!pace.is_too_slow(begin + 19 * second), "what came before does not count");
        assert!(pace.is_too_slow(begin + 20 * second));
        pace.bytes += 1;
        assert!(!pace.is_too_slow(begin + 20 * second));
        pace.bytes += 1_000;
        assert_eq!(pace.next(), begin + 25 * second);
        assert!(pace.is_too_slow(begin + 25 * second), "however much comes");
    }
}
