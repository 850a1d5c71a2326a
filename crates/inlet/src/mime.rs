//! From the bytes of a mail to a [`Letter`], within fixed limits.
//!
//! The parts are found in one pass that copies nothing (`walk`); only what is text is decoded, and
//! never more than is read. So the memory that a mail takes is bounded by the constants below,
//! whatever it is made of, and the time by a few looks at each of its bytes. `mail-parser` is asked
//! for charsets and dates alone: its parser of whole mails has no limits, and its headers can be made
//! to cost the square of their length.

use crate::{Attachment, Fault, Letter, Text, html, packed};

mod charset;
mod decode;
mod fields;
mod walk;

#[cfg(test)]
pub(crate) mod tests;

use decode::Coding;
use fields::Fields;
use walk::Part;

/// How deep parts may lie in one another.
pub const DEPTH_MAX: usize = 20;
/// Parts of one mail, of mails within it too.
pub const PARTS_MAX: usize = 200;
/// Bytes of all its headers together, of its parts too.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;
/// Headers of one part.
pub const HEADERS_MAX: usize = 1_000;
/// Bytes of its text that are read.
pub const TEXT_BYTES_MAX: usize = 512 * 1024;
/// Bytes of the end of a longer text that are read, too: its middle is what is left out.
pub const TAIL_BYTES_MAX: usize = 128 * 1024;
/// Bytes of text of all attachments together that are read, unpacked ones too.
pub const ATTACHED_BYTES_MAX: usize = 512 * 1024;
/// Bytes of a mail that is attached as a file.
pub const INNER_BYTES_MAX: usize = 1024 * 1024;
/// Mails within a mail that are looked at.
pub const INNER_MAILS_MAX: usize = 4;
/// Recipients that are looked at.
pub const RECIPIENTS_MAX: usize = 100;
/// Bytes of a subject.
pub const SUBJECT_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the name of an attachment.
const ATTACHMENT_NAME_BYTES_MAX: usize = 200;
/// Bytes of a message's id.
const MESSAGE_ID_BYTES_MAX: usize = 1_000;
/// A plain text with fewer characters is passed over for the HTML beside it; a mail with fewer is
/// taken for one that only forwards.
const OWN_CHARS_MIN: usize = 40;
/// So short a plain text that speaks of HTML only says where the text is.
const NOTICE_CHARS_MAX: usize = 200;

/// Stands in a text in place of its middle.
const MIDDLE: &str = "\n[what stood here was not read: the text is too long]\n";

/// Headers that tell whom a mail was for.
const RECIPIENT_HEADERS: [&str; 7] =
    ["delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "resent-to", "to", "cc"];

/// What may still be spent on a mail.
#[derive(Debug)]
struct Budget {
    parts: usize,
    header_bytes: usize,
    text_bytes: usize,
    attached_bytes: usize,
    inner_mails: usize,
    faults: Vec<Fault>,
    /// The walk has ended early.
    is_over: bool,
    /// Lines looked at: the work done.
    lines: usize,
}

impl Budget {
    fn new() -> Self {
        Self {
            parts: PARTS_MAX,
            header_bytes: HEADER_BYTES_MAX,
            text_bytes: TEXT_BYTES_MAX,
            attached_bytes: ATTACHED_BYTES_MAX,
            inner_mails: INNER_MAILS_MAX,
            faults: Vec::new(),
            is_over: false,
            lines: 0,
        }
    }

    fn fault(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// Takes a mail apart. What cannot be read is a [`Fault`] of the letter, never an error: a mail is
/// always something that was heard.
#[must_use]
pub fn letter(raw: &[u8]) -> Letter {
    within(raw, &mut Budget::new())
}

fn within(raw: &[u8], budget: &mut Budget) -> Letter {
    let mut letter = opened(raw, false, budget);
    letter.faults = std::mem::take(&mut budget.faults);
    letter
}

/// Where the headers end, and where the body begins.
fn head_end(raw: &[u8]) -> (usize, usize) {
    let mut begin = 0;
    while begin < raw.len() {
        let end = fields::line_end(raw, begin);
        if matches!(&raw[begin..end], b"\n" | b"\r\n") {
            return (begin, end);
        }
        begin = end;
    }
    (raw.len(), raw.len())
}

/// A mail, or one that lies `inside` another.
fn opened(raw: &[u8], inside: bool, budget: &mut Budget) -> Letter {
    let (head, body) = head_end(raw);
    let mut read = head;
    if read > budget.header_bytes {
        budget.fault(Fault::Headers);
        read = budget.header_bytes;
    }
    budget.header_bytes -= read;
    let fields = Fields::parse(&raw[..read], HEADERS_MAX);
    if fields.is_empty() {
        budget.fault(Fault::NoMail);
    }
    let mut letter = of_head(&fields, budget);
    let parts = walk::parts(fields, raw, body, budget);
    let mut contents = Contents::default();
    for part in &parts {
        contents.take(part, inside, budget);
    }
    letter.body = contents.body(budget);
    letter.attachments = contents.attachments;
    let carries = !letter.is_automatic && contents.inner.len() == 1 && is_bare(&letter.body);
    if carries && let Some(inner) = contents.inner.pop() {
        forward(&mut letter, inner);
    }
    letter
}

fn is_bare(text: &Text) -> bool {
    text.shown().chars().filter(|it| !it.is_whitespace()).take(OWN_CHARS_MIN).count()
        < OWN_CHARS_MIN
}

/// The mail that `outer` only carries is the one that says something.
fn forward(outer: &mut Letter, inner: Letter) {
    outer.subject = inner.subject;
    outer.from = inner.from;
    outer.from_name = inner.from_name;
    outer.message_id = inner.message_id.or(outer.message_id.take());
    outer.date = inner.date.or(outer.date);
    outer.first_taken = inner.first_taken.or(outer.first_taken);
    outer.body = inner.body;
    outer.attachments.extend(inner.attachments);
    outer.is_automatic = inner.is_automatic;
    for it in inner.recipients {
        if outer.recipients.len() < RECIPIENTS_MAX && !outer.recipients.contains(&it) {
            outer.recipients.push(it);
        }
    }
}

/// What the headers say.
fn of_head(fields: &Fields<'_>, budget: &mut Budget) -> Letter {
    let from = fields.raw("from").next().unwrap_or_default();
    let from = fields::addresses(&from, 1).pop();
    let subject = bounded(fields.first("subject").unwrap_or_default(), SUBJECT_BYTES_MAX);
    if subject.1 {
        budget.fault(Fault::Headers);
    }
    let (headers, is_cut) = fields.decoded();
    if is_cut {
        budget.fault(Fault::Headers);
    }
    let id = fields.raw("message-id").next().map(|it| String::from_utf8_lossy(&it).into_owned());
    let id = id.map(|it| it.trim().trim_start_matches('<').trim_end_matches('>').to_owned());
    let mut letter = Letter {
        subject: Text::new(&subject.0.replace(['\r', '\n', '\t'], " ")),
        recipients: recipients(fields),
        sender: fields
            .raw("return-path")
            .next()
            .and_then(|it| fields::addresses(&it, 1).pop())
            .map(|it| it.address)
            .unwrap_or_default(),
        message_id: id.filter(|it| !it.is_empty() && it.len() <= MESSAGE_ID_BYTES_MAX),
        date: fields.raw("date").next().and_then(|it| fields::date(&it)),
        // The way of a mail is written from the bottom to the top.
        first_taken: fields.raw("received").last().and_then(|it| fields::received_at(&it)),
        headers,
        ..Letter::default()
    };
    if let Some(from) = from {
        letter.from = from.address;
        letter.from_name = Text::new(&from.name);
    }
    letter.is_automatic = is_automatic(&letter, fields);
    letter
}

fn recipients(fields: &Fields<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for value in RECIPIENT_HEADERS.iter().flat_map(|it| fields.raw(it)) {
        for found in fields::addresses(&value, RECIPIENTS_MAX) {
            if all.len() < RECIPIENTS_MAX && !all.contains(&found.address) {
                all.push(found.address);
            }
        }
    }
    all
}

/// Subjects of mails by which a mail program says that somebody is away, folded.
const AWAY: [&str; 12] = [
    "automatic reply:",
    "auto reply:",
    "autoreply:",
    "out of office",
    "out-of-office",
    "automatische antwort:",
    "abwesenheitsnotiz",
    "risposta automatica:",
    "fuori sede",
    "r\u{e9}ponse automatique",
    "respuesta automatica:",
    "automatisch antwoord:",
];

/// Was it written by a mail system about mail? Mails of programs call themselves
/// `auto-generated`, which says nothing.
fn is_automatic(letter: &Letter, fields: &Fields<'_>) -> bool {
    let replies = letter
        .header("auto-submitted")
        .is_some_and(|it| it.trim().to_ascii_lowercase().starts_with("auto-replied"));
    let answers = ["x-autoreply", "x-autorespond", "x-autogenerated-reply"]
        .iter()
        .any(|it| letter.header(it).is_some_and(|it| !it.trim().eq_ignore_ascii_case("no")));
    let precedence =
        letter.header("precedence").is_some_and(|it| it.trim().eq_ignore_ascii_case("auto_reply"));
    let bounces = fields.shaped("content-type").is_some_and(|it| it.value == "multipart/report");
    let daemon = letter.from.split('@').next() == Some("mailer-daemon");
    let subject = letter.subject.folded().trim_start();
    let away = AWAY.iter().any(|it| subject.starts_with(it));
    replies || answers || precedence || bounces || daemon || away
}

/// What the parts of a mail hold.
#[derive(Default)]
struct Contents<'p> {
    pieces: Vec<Piece<'p>>,
    attachments: Vec<Attachment>,
    inner: Vec<Letter>,
}

/// A part that may be the text of the mail, or one form of it.
struct Piece<'p> {
    is_html: bool,
    choice: Option<usize>,
    body: &'p [u8],
    coding: Coding,
    charset: Option<String>,
}

/// What is done with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Html,
    /// A mail.
    Mail,
    Packed,
    /// No text.
    Opaque,
}

impl Kind {
    /// The label of a file is often wrong, so its name counts, too.
    fn of(label: &str, name: &str) -> Self {
        let ending = name.rsplit_once('.').map_or("", |it| it.1).to_ascii_lowercase();
        match (label, ending.as_str()) {
            ("text/html" | "application/xhtml+xml", _) => Self::Html,
            ("message/rfc822" | "message/global", _) | (_, "eml") => Self::Mail,
            ("application/zip" | "application/x-zip-compressed" | "application/x-zip", _)
            | (_, "zip") => Self::Packed,
            (_, "html" | "htm") => Self::Html,
            ("application/json" | "application/xml", _)
            | (_, "txt" | "log" | "csv" | "json" | "xml")
            | ("", "") => Self::Plain,
            (it, _) if it.starts_with("text/") || it.starts_with("message/") => Self::Plain,
            (it, _) if it.starts_with("multipart/") => Self::Plain,
            _ => Self::Opaque,
        }
    }
}

impl<'p> Contents<'p> {
    fn take(&mut self, part: &Part<'p>, inside: bool, budget: &mut Budget) {
        let label = part.fields.shaped("content-type").unwrap_or_default();
        let disposition = part.fields.shaped("content-disposition").unwrap_or_default();
        let name = disposition.get("filename").or_else(|| label.get("name")).unwrap_or_default();
        let name = file_name(name);
        let kind = Kind::of(&label.value, &name);
        let coding = part.fields.first("content-transfer-encoding");
        let coding = coding.map_or(Coding::Plain, |it| Coding::named(&it));
        let charset = label.get("charset").map(str::to_owned);
        let is_attached = disposition.value == "attachment" || !name.is_empty();
        let is_text = ["", "text/plain", "text/html"].contains(&label.value.as_str())
            || label.value.starts_with("multipart/")
            || part.is_root && label.value.starts_with("text/");
        if is_text && (part.is_root || !is_attached) {
            let is_html = kind == Kind::Html;
            let piece = Piece { is_html, choice: part.choice, body: part.body, coding, charset };
            self.pieces.push(piece);
            return;
        }
        let mut attachment = Attachment { name, text: None };
        match kind {
            Kind::Plain | Kind::Html => {
                let is_html = kind == Kind::Html;
                let piece = Piece { is_html, choice: None, body: part.body, coding, charset };
                let text = budget.attached(&piece);
                let text = if is_html { html::text(&text) } else { text };
                attachment.text = Some(Text::new(&text));
            }
            Kind::Mail if !inside => self.mail(part.body, coding, &mut attachment, budget),
            Kind::Packed => {
                self.attachments.push(attachment);
                self.unpack(part.body, coding, budget);
                return;
            }
            Kind::Mail | Kind::Opaque => {}
        }
        self.attachments.push(attachment);
    }

    fn mail(
        &mut self,
        body: &[u8],
        coding: Coding,
        attachment: &mut Attachment,
        budget: &mut Budget,
    ) {
        if budget.inner_mails == 0 {
            budget.fault(Fault::Parts);
            return;
        }
        budget.inner_mails -= 1;
        let letter = if coding == Coding::Plain {
            opened(body, true, budget)
        } else {
            let decoded = coding.decode(body, INNER_BYTES_MAX);
            if decoded.is_cut {
                budget.fault(Fault::Text);
            }
            opened(&decoded.bytes, true, budget)
        };
        let text = format!("{}\n{}", letter.subject.shown(), letter.body.shown());
        attachment.text = Some(Text::new(&text));
        self.inner.push(letter);
    }

    fn unpack(&mut self, body: &[u8], coding: Coding, budget: &mut Budget) {
        let archive = coding.decode(body, packed::PACKED_BYTES_MAX);
        if archive.is_cut {
            budget.fault(Fault::Packed);
            return;
        }
        let unpacked = packed::unpack(&archive.bytes, budget.attached_bytes);
        if !unpacked.is_whole {
            budget.fault(Fault::Packed);
        }
        for file in unpacked.files {
            let text = file.bytes.map(|bytes| {
                budget.attached_bytes -= bytes.len().min(budget.attached_bytes);
                let text = charset::decode(&bytes, None);
                let is_html = Kind::of("", &file.name) == Kind::Html;
                Text::new(&if is_html { html::text(&text) } else { text })
            });
            self.attachments.push(Attachment { name: file_name(&file.name), text });
        }
    }

    /// The text of the mail: everything that is no attachment, of each choice the better form.
    fn body(&self, budget: &mut Budget) -> Text {
        let mut out = String::new();
        let mut chosen: Vec<usize> = Vec::new();
        for piece in &self.pieces {
            let text = match piece.choice {
                None => piece.text(budget),
                Some(choice) if chosen.contains(&choice) => continue,
                Some(choice) => {
                    chosen.push(choice);
                    self.choose(choice, budget)
                }
            };
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&text);
        }
        Text::new(&out)
    }

    fn choose(&self, choice: usize, budget: &mut Budget) -> String {
        let mut form = |is_html: bool| {
            let of = |it: &&Piece<'_>| it.choice == Some(choice) && it.is_html == is_html;
            let texts: Vec<String> =
                self.pieces.iter().filter(of).map(|it| it.text(budget)).collect();
            texts.join("\n")
        };
        let plain = form(false);
        let chars = plain.chars().filter(|it| !it.is_whitespace()).take(NOTICE_CHARS_MAX).count();
        let is_notice = chars < NOTICE_CHARS_MAX && plain.to_ascii_lowercase().contains("html");
        if chars >= OWN_CHARS_MIN && !is_notice {
            return plain;
        }
        let rich = form(true);
        if rich.trim().is_empty() { plain } else { rich }
    }
}

impl Piece<'_> {
    fn text(&self, budget: &mut Budget) -> String {
        let text = Bounded::read(self, budget.text_bytes);
        budget.text_bytes -= text.bytes.min(budget.text_bytes);
        text.fault.into_iter().for_each(|it| budget.fault(it));
        if self.is_html { html::text(&text.text) } else { text.text }
    }
}

impl Budget {
    /// The text of an attachment.
    fn attached(&mut self, piece: &Piece<'_>) -> String {
        let text = Bounded::read(piece, self.attached_bytes);
        self.attached_bytes -= text.bytes.min(self.attached_bytes);
        text.fault.into_iter().for_each(|it| self.fault(it));
        text.text
    }
}

/// What was read of a text.
struct Bounded {
    text: String,
    /// How many bytes that were.
    bytes: usize,
    /// What was not.
    fault: Option<Fault>,
}

impl Bounded {
    /// At most `most` bytes; of a longer text in plain lines the begin and the end.
    fn read(of: &Piece<'_>, most: usize) -> Self {
        let charset = of.charset.as_deref();
        let decoded = of.coding.decode(of.body, most);
        let (bytes, is_cut) = (decoded.bytes.len(), decoded.is_cut);
        if !is_cut {
            return Self { text: charset::decode(&decoded.bytes, charset), bytes, fault: None };
        }
        if !of.is_html
            && charset::can_be_cut(&decoded.bytes, charset)
            && let Some(text) = Self::ends(of, &decoded.bytes)
        {
            return Self { text, bytes, fault: Some(Fault::Middle) };
        }
        let text = charset::decode(&decoded.bytes, charset);
        Self { text, bytes, fault: Some(Fault::Text) }
    }

    /// Whole lines of the begin, of which there is more than is kept, and of the end.
    fn ends(of: &Piece<'_>, begin: &[u8]) -> Option<String> {
        let charset = of.charset.as_deref();
        let tail = of.coding.tail(of.body, TAIL_BYTES_MAX.min(begin.len() / 4));
        let room = begin.len().saturating_sub(tail.len() + MIDDLE.len());
        let line = begin[..room].iter().rposition(|it| *it == b'\n')?;
        if tail.is_empty() {
            return None;
        }
        let mut text = charset::decode(&begin[..line], charset);
        text.push_str(MIDDLE);
        text.push_str(&charset::decode(&tail, charset));
        Some(text)
    }
}

/// The last component of a name, without what cannot be shown.
fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|it| !it.is_control()).collect();
    bounded(clean.trim().to_owned(), ATTACHMENT_NAME_BYTES_MAX).0
}

/// At most so many bytes of a text, and whether it was longer.
fn bounded(mut text: String, most: usize) -> (String, bool) {
    let is_cut = text.len() > most;
    text.truncate(text.floor_char_boundary(most));
    (text, is_cut)
}

/// What base64 stands for; letters that do not belong there are passed over.
pub(crate) fn of_base64(text: &[u8]) -> Vec<u8> {
    Coding::Base64.decode(text, usize::MAX).bytes
}

/// A date as mails write it, folded or not.
#[must_use]
pub fn date_of(value: &[u8]) -> Option<model::Moment> {
    let flat: Vec<u8> = value.iter().copied().filter(|it| !matches!(it, b'\r' | b'\n')).collect();
    fields::date(flat.trim_ascii())
}
